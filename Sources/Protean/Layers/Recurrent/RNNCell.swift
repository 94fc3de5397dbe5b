/// The plain recurrent cell, `torch.nn.RNNCell`: `h' = f(W_ih x + b_ih + W_hh h + b_hh)` with f tanh
/// or ReLU. Elman, "Finding Structure in Time", Cognitive Science 14, 1990.
///
/// Input `[batch, inputSize]`, output h', `[batch, hiddenSize]`, which is the state as well.
/// Parameters: `weight_ih` `[hidden, input]`, `weight_hh` `[hidden, hidden]`, `bias_ih`, `bias_hh`
/// `[hidden]`. Cost: batch · hidden · (input + hidden) multiply-adds.
public final class RNNCell: StatefulLayer, RecurrentCell {
    /// The function that follows the sums.
    public enum Nonlinearity: String, Sendable, CaseIterable {
        /// tanh.
        case tanh
        /// max(x, 0).
        case relu
    }

    /// Features of the input.
    public let inputSize: Int
    /// Units of the state.
    public let hiddenSize: Int
    /// The function that follows the sums.
    public let nonlinearity: Nonlinearity
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let weights: RecurrentWeights

    /// A cell with seeded initial values, uniform in ±1/√hiddenSize as in PyTorch.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true, nonlinearity: Nonlinearity = .tanh,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "RNNCell"
        try checkChannels(inputSize, "inputSize", layer: layer)
        try checkOption(hiddenSize, "hiddenSize", in: 1...OptionLimits.channels / 4, layer: layer)
        self.inputSize = inputSize
        self.hiddenSize = hiddenSize
        self.nonlinearity = nonlinearity
        weights = try RecurrentWeights(
            gates: 1, inputSize: inputSize, hiddenSize: hiddenSize, stateSize: hiddenSize,
            bias: bias, suffix: "", seed: seed, layer: layer)
    }

    /// `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`.
    public var parameters: [NamedParameter] { weights.named }
    /// h.
    public var stateSizes: [Int] { [hiddenSize] }
    /// hidden · (input + hidden).
    public var multiplyAddsPerStep: Int { hiddenSize * (inputSize + hiddenSize) }

    /// Zeros, `[batch, hiddenSize]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func initialState(for input: [Int]) throws(ProteanError) -> Tensor {
        guard input.count == 2, input[1] == inputSize else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, \(inputSize)]", found: input)
        }
        return try Tensor(zeros: [input[0], hiddenSize])
    }

    /// One step; returns h', which `state` becomes.
    ///
    /// - Throws: ``ProteanError`` when `x` or the state does not fit.
    public func callAsFunction(
        _ x: Tensor, state: inout Tensor
    ) throws(ProteanError) -> Tensor {
        try checkStep(x, [state])
        let current = state
        state = try traced("RNNCell", path: label, input: x, cost: { _ in cost(x) }) {
            () throws(ProteanError) in
            let linears = try weights.linears(joiningBiases: true)
            let sums = try linears.input.product(x, layer: place)
            let epilogue = Conv2dEpilogue(
                activation: nonlinearity == .relu ? .relu : .tanh, residual: sums)
            return try Trace.pausing { () throws(ProteanError) in
                try linears.hidden(current, epilogue: epilogue)
            }
        }
        return state
    }

    private func cost(_ x: Tensor) -> Cost {
        let count = parameterCount, rows = x.shape[0]
        return Cost(
            multiplyAdds: rows * multiplyAddsPerStep, parameters: count,
            bytes: (count + x.count + 2 * rows * hiddenSize) * MemoryLayout<Float>.stride)
    }
}
