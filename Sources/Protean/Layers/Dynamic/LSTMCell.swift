/// A long short-term memory cell: one step of a recurrent network, `torch.nn.LSTMCell`.
///
/// `[i, f, g, o] = W_ih · x + b_ih + W_hh · h + b_hh`,
/// `c' = sigmoid(f) · c + sigmoid(i) · tanh(g)`, `h' = sigmoid(o) · tanh(c')`. Hochreiter,
/// Schmidhuber, "Long Short-Term Memory", Neural Computation 9, 1997.
///
/// Input `[batch, inputSize]`, output h', `[batch, hiddenSize]`; the state holds h and c. Parameters:
/// `weight_ih` `[4 · hidden, input]`, `weight_hh` `[4 · hidden, hidden]`, `bias_ih`, `bias_hh`
/// `[4 · hidden]`.
///
/// The four gates are one product of [x, h] with both weights side by side, packed once, and one
/// pass over its sums. Cost: batch · 4 · hidden · (input + hidden) multiply-adds.
public final class LSTMCell: StatefulLayer {
    /// The state of a cell: `[batch, hiddenSize]` each.
    public struct State: Sendable {
        /// The last output, h.
        public var hidden: Tensor
        /// The memory, c.
        public var cell: Tensor

        /// A state with the given values.
        public init(hidden: Tensor, cell: Tensor) {
            self.hidden = hidden
            self.cell = cell
        }

        /// Zeros.
        init(zeros shape: [Int]) throws(ProteanError) {
            hidden = try Tensor(zeros: shape)
            cell = try Tensor(zeros: shape)
        }
    }

    /// Features of the input.
    public let inputSize: Int
    /// Units of the state.
    public let hiddenSize: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let own: [NamedParameter]
    private let gates: LSTMGates

    /// A cell with seeded initial values, uniform in ±1/√hiddenSize as in PyTorch.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "LSTMCell"
        try checkChannels(inputSize, "inputSize", layer: layer)
        try checkOption(hiddenSize, "hiddenSize", in: 1...OptionLimits.channels / 4, layer: layer)
        self.inputSize = inputSize
        self.hiddenSize = hiddenSize
        func parameter(_ shape: [Int], _ index: UInt64) throws(ProteanError) -> Parameter {
            try Parameter(uniform: shape, fanIn: hiddenSize, seed: seed &+ index, layer: layer)
        }
        let input = try parameter([4 * hiddenSize, inputSize], 0)
        let hidden = try parameter([4 * hiddenSize, hiddenSize], 1)
        var biases: [Parameter] = []
        if bias {
            biases = [try parameter([4 * hiddenSize], 2), try parameter([4 * hiddenSize], 3)]
        }
        gates = LSTMGates(input: input, hidden: hidden, biases: biases, isTransposed: false)
        own =
            [NamedParameter("weight_ih", input), NamedParameter("weight_hh", hidden)]
            + zip(["bias_ih", "bias_hh"], biases).map { NamedParameter($0, $1) }
    }

    /// `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`.
    public var parameters: [NamedParameter] { own }

    /// Zeros.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func initialState(for input: [Int]) throws(ProteanError) -> State {
        try check(input)
        return try State(zeros: [input[0], hiddenSize])
    }

    /// One step; returns h'.
    ///
    /// - Throws: ``ProteanError`` when `x` or the state does not fit.
    public func callAsFunction(
        _ x: Tensor, state: inout State
    ) throws(ProteanError) -> Tensor {
        try check(x.shape)
        try state.check([x.shape[0], hiddenSize], layer: place)
        let current = state
        var next = state
        let hidden = try traced("LSTMCell", path: label, input: x, cost: { _ in cost(x) }) {
            () throws(ProteanError) in
            let sums = try gates.sums(x, current.hidden, layer: place)
            let result = try Operations.lstmCell(gates: sums, cell: current.cell, layer: place)
            next = State(hidden: result.hidden, cell: result.cell)
            return result.hidden
        }
        state = next
        return hidden
    }

    private func check(_ input: [Int]) throws(ProteanError) {
        guard input.count == 2, input[1] == inputSize else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, \(inputSize)]", found: input)
        }
    }

    private func cost(_ x: Tensor) -> Cost {
        let count = own.reduce(0) { $0 + $1.parameter.count }
        let rows = x.shape[0]
        return Cost(
            multiplyAdds: rows * 4 * hiddenSize * (inputSize + hiddenSize), parameters: count,
            bytes: (count + x.count + 4 * rows * hiddenSize) * MemoryLayout<Float>.stride)
    }
}

extension LSTMCell.State {
    func check(_ shape: [Int], layer: String) throws(ProteanError) {
        for (name, tensor) in [("hidden", hidden), ("cell", cell)] where tensor.shape != shape {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(shape)", found: tensor.shape)
        }
    }
}

/// The sums of an LSTM cell's gates as one product: [x, h] times both weights side by side.
final class LSTMGates: Sendable {
    private let input: Parameter, hidden: Parameter
    private let biases: [Parameter]
    private let isTransposed: Bool
    private let joined = Derived<Int, Linear>()

    /// Weights `[4 · units, inputs]` and `[4 · units, units]`; with `isTransposed` their transposes.
    init(input: Parameter, hidden: Parameter, biases: [Parameter], isTransposed: Bool) {
        self.input = input
        self.hidden = hidden
        self.biases = biases
        self.isTransposed = isTransposed
    }

    /// `[batch, 4 · units]` from x, `[batch, inputs]`, and h, `[batch, units]`.
    func sums(_ x: Tensor, _ h: Tensor, layer: String) throws(ProteanError) -> Tensor {
        let versions = ([input, hidden] + biases).reduce(0) { $0 + $1.version }
        let linear = try joined.value(for: versions) { () throws(ProteanError) in
            let weight =
                isTransposed
                ? try Operations.concatenate([input.value, hidden.value], axis: 0).transposed()
                : try Operations.concatenate([input.value, hidden.value], axis: 1)
            var bias = biases.first?.value
            if biases.count == 2 { bias = try biases[0].value + biases[1].value }
            return try Linear(weight: weight, bias: bias)
        }
        return try linear.product(try Operations.concatenate([x, h], axis: 1), layer: layer)
    }
}

extension Linear {
    /// The product without an event of its own: for a layer that counts it.
    func product(_ x: Tensor, layer: String) throws(ProteanError) -> Tensor {
        try Trace.pausing { () throws(ProteanError) in try self(x) }
    }
}
