/// The four parameters of one recurrent layer in one direction, and its two products.
///
/// `weight_ih` `[gates · hidden, input]`, `weight_hh` `[gates · hidden, state]`, `bias_ih` and
/// `bias_hh` `[gates · hidden]`, all under a suffix such as `_l0_reverse`.
final class RecurrentWeights: Sendable {
    let named: [NamedParameter]
    private let input: Parameter, hidden: Parameter
    private let biases: [Parameter]
    private let products = Derived<Int, (input: Linear, hidden: Linear)>()

    /// - Parameters:
    ///   - gates: blocks of `hiddenSize` outputs.
    ///   - stateSize: features of h, less than `hiddenSize` when h is projected.
    ///   - suffix: of the names.
    ///   - layer: for errors.
    init(
        gates: Int, inputSize: Int, hiddenSize: Int, stateSize: Int, bias: Bool, suffix: String,
        seed: UInt64, layer: String
    ) throws(ProteanError) {
        func parameter(_ shape: [Int], _ index: UInt64) throws(ProteanError) -> Parameter {
            try Parameter(uniform: shape, fanIn: hiddenSize, seed: seed &+ index, layer: layer)
        }
        let rows = gates * hiddenSize
        input = try parameter([rows, inputSize], 0)
        hidden = try parameter([rows, stateSize], 1)
        biases = bias ? [try parameter([rows], 2), try parameter([rows], 3)] : []
        named =
            [
                NamedParameter("weight_ih" + suffix, input),
                NamedParameter("weight_hh" + suffix, hidden),
            ]
            + zip(["bias_ih", "bias_hh"], biases).map { NamedParameter($0 + suffix, $1) }
    }

    /// The products. With `joinsBiases` the input's product carries both biases and the state's
    /// none.
    func linears(joiningBiases joins: Bool) throws(ProteanError) -> (input: Linear, hidden: Linear)
    {
        let version = named.reduce(0) { $0 + $1.parameter.version }
        return try products.value(for: version) { () throws(ProteanError) in
            guard biases.count == 2 else {
                return (try Linear(weight: input.value), try Linear(weight: hidden.value))
            }
            let (first, second) = (biases[0].value, biases[1].value)
            let both = joins ? try first + second : first
            return (
                try Linear(weight: input.value, bias: both),
                try Linear(weight: hidden.value, bias: joins ? nil : second)
            )
        }
    }
}

extension Tensor {
    /// Rows `range` of the outermost axis, without a copy. Do not write to it while the owner lives.
    func rows(_ range: Range<Int>) throws(ProteanError) -> Tensor {
        if range == 0..<(shape.first ?? 0) { return self }
        let inner = shape.dropFirst().reduce(1, *)
        var part = shape
        part[0] = range.count
        guard let storage else { return try Tensor(shapeOnly: part) }
        return Tensor(
            viewing: UnsafePointer(storage.base + range.lowerBound * inner), shape: part,
            count: range.count * inner, owner: storage)
    }

    /// Copies row i of `rows` to row `places[i]` of this tensor, for all i.
    mutating func setRows(_ places: [Int], to rows: Tensor) throws(ProteanError) {
        guard !places.isEmpty, count > 0 else { return }
        let inner = count / shape[0]
        try rows.withUnsafeBufferPointer { source throws(ProteanError) in
            try withUnsafeMutableBufferPointer { target throws(ProteanError) in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for (row, place) in places.enumerated() {
                    (to + place * inner).update(from: from + row * inner, count: inner)
                }
            }
        }
    }
}
