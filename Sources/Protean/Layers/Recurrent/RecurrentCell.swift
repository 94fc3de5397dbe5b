/// One step of a recurrent network for a batch of rows: what ``SequenceRunner`` applies to the rows
/// that read.
///
/// The state is a list of tensors `[batch, size]`; the first is the output h. A row of the next
/// state depends on the same row of `x` and of the state alone, bit for bit, whatever else is in the
/// batch.
public protocol RecurrentCell: Module {
    /// Features of an input, the innermost axis of `x`.
    var inputSize: Int { get }
    /// Sizes of the state's tensors; the first is that of the output.
    var stateSizes: [Int] { get }
    /// Multiply-adds that a step takes at most, per row.
    var multiplyAddsPerStep: Int { get }

    /// The next state of every row.
    ///
    /// - Parameters:
    ///   - x: `[batch, inputSize]`.
    ///   - state: `[batch, size]` for each of ``stateSizes``.
    ///   - executed: one count per row; the step adds the multiply-adds that it has done for the row.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor]
}

extension RecurrentCell {
    /// Size of the output h.
    public var outputSize: Int { stateSizes[0] }

    /// A state of zeros for `batch` rows.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func zeroState(batch: Int) throws(ProteanError) -> [Tensor] {
        var state: [Tensor] = []
        for size in stateSizes { state.append(try Tensor(zeros: [batch, size])) }
        return state
    }

    /// Throws unless `x` is `[batch, inputSize]` and the state fits.
    func checkStep(_ x: Tensor, _ state: [Tensor]) throws(ProteanError) {
        guard x.rank == 2, x.shape[1] == inputSize else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, \(inputSize)]", found: x.shape)
        }
        try checkState(state, batch: x.shape[0])
    }

    /// Throws unless the state fits a batch.
    func checkState(_ state: [Tensor], batch: Int) throws(ProteanError) {
        guard state.count == stateSizes.count else {
            throw .invalidOption(
                layer: place, option: "state", expected: "\(stateSizes.count) tensors",
                found: "\(state.count)")
        }
        for (index, tensor) in state.enumerated() where tensor.shape != [batch, stateSizes[index]] {
            throw .shapeMismatch(
                layer: place, tensor: "state[\(index)]",
                expected: "[\(batch), \(stateSizes[index])]", found: tensor.shape)
        }
    }
}

/// Cells whose state is h alone.
extension RecurrentCell where Self: StatefulLayer, Self.State == Tensor {
    /// h'.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        var hidden = state[0]
        _ = try self(x, state: &hidden)
        executed.addToAll(multiplyAddsPerStep)
        return [hidden]
    }
}

extension LSTMCell: RecurrentCell {
    /// h and c.
    public var stateSizes: [Int] { [hiddenSize, hiddenSize] }
    /// 4 · hidden · (input + hidden).
    public var multiplyAddsPerStep: Int { 4 * hiddenSize * (inputSize + hiddenSize) }

    /// h' and c'.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        var next = State(hidden: state[0], cell: state[1])
        let hidden = try self(x, state: &next)
        executed.addToAll(multiplyAddsPerStep)
        return [hidden, next.cell]
    }
}

extension Array where Element == Int {
    /// Adds a number to every element.
    mutating func addToAll(_ value: Int) {
        for index in indices { self[index] += value }
    }
}
