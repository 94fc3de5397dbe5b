/// A gated recurrent unit: one step of a recurrent network, `torch.nn.GRUCell`.
///
/// `r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)`, `z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)`,
/// `n = tanh(W_in x + b_in + r · (W_hn h + b_hn))`, `h' = (1 - z) · n + z · h`. Cho et al.,
/// "Learning Phrase Representations using RNN Encoder-Decoder", arXiv 1406.1078; the reset gate
/// scales the product, as in PyTorch and cuDNN.
///
/// Input `[batch, inputSize]`, output h', `[batch, hiddenSize]`, which is the state as well.
/// Parameters: `weight_ih` `[3 · hidden, input]`, `weight_hh` `[3 · hidden, hidden]`, `bias_ih`,
/// `bias_hh` `[3 · hidden]`, gates in the order r, z, n.
///
/// Cost: batch · 3 · hidden · (input + hidden) multiply-adds; two products and one fused pass.
public final class GRUCell: StatefulLayer, RecurrentCell {
    /// Features of the input.
    public let inputSize: Int
    /// Units of the state.
    public let hiddenSize: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let weights: RecurrentWeights

    /// A cell with seeded initial values, uniform in ±1/√hiddenSize as in PyTorch.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "GRUCell"
        try checkChannels(inputSize, "inputSize", layer: layer)
        try checkOption(hiddenSize, "hiddenSize", in: 1...OptionLimits.channels / 4, layer: layer)
        self.inputSize = inputSize
        self.hiddenSize = hiddenSize
        weights = try RecurrentWeights(
            gates: 3, inputSize: inputSize, hiddenSize: hiddenSize, stateSize: hiddenSize,
            bias: bias, suffix: "", seed: seed, layer: layer)
    }

    /// `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`.
    public var parameters: [NamedParameter] { weights.named }
    /// h.
    public var stateSizes: [Int] { [hiddenSize] }
    /// 3 · hidden · (input + hidden).
    public var multiplyAddsPerStep: Int { 3 * hiddenSize * (inputSize + hiddenSize) }

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
        state = try traced("GRUCell", path: label, input: x, cost: { _ in cost(x) }) {
            () throws(ProteanError) in
            let linears = try weights.linears(joiningBiases: false)
            return try Operations.gruCell(
                inputGates: try linears.input.product(x, layer: place),
                hiddenGates: try linears.hidden.product(current, layer: place), hidden: current,
                layer: place)
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
