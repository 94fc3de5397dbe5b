/// A network of gated recurrent units over whole sequences, `torch.nn.GRU`.
///
/// Every layer applies ``GRUCell``'s formula from the first step to the last, `_reverse` from the
/// last to the first; layers above the first read the outputs of all directions below.
///
/// Input `[batch, time, inputSize]`, or `[time, batch, inputSize]` with `batchFirst: false`
/// (PyTorch's default). Output the same with directions · hidden features, forward first. Parameters
/// for layer k: `weight_ih_l{k}` `[3 · hidden, input]`, `weight_hh_l{k}` `[3 · hidden, hidden]`,
/// `bias_ih_l{k}`, `bias_hh_l{k}` `[3 · hidden]`; the same with `_reverse`. Gates in the order r, z, n.
///
/// The input's products of all steps are one product; each step then adds the state's product and
/// one fused pass. Rows with fewer steps leave early. A row's bits do not depend on the batch.
/// Cost per row and step: 3 · hidden · (input + hidden) multiply-adds per layer and direction.
public final class GRU: Layer {
    /// What ``run(_:lengths:initial:)`` returns.
    public struct Result: Sendable {
        /// h of the top layer at every step, as the input lies; zeros beyond a row's length.
        public let output: Tensor
        /// h after each row's own last step, `[layers · directions, batch, hidden]`, for layer 0
        /// forward, layer 0 backward, layer 1 forward …
        public let hidden: Tensor
    }

    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0` and so on, in PyTorch's order.
    public let parameters: [NamedParameter]

    private let options: RecurrentOptions
    private let stack: RecurrentStack

    /// A network with seeded initial values, uniform in ±1/√hiddenSize as in PyTorch.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - hiddenSize: units of h.
    ///   - layers: 1...1024.
    ///   - bias: whether there are biases.
    ///   - batchFirst: whether the batch is the outermost axis of input and output.
    ///   - bidirectional: whether there is a second direction.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputSize: Int, hiddenSize: Int, layers: Int = 1, bias: Bool = true,
        batchFirst: Bool = true, bidirectional: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        let options = RecurrentOptions(
            inputSize: inputSize, hiddenSize: hiddenSize, layers: layers, bias: bias,
            batchFirst: batchFirst, isBidirectional: bidirectional)
        try options.check("GRU")
        self.options = options
        stack = try RecurrentStack(options, seed: seed) {
            (layer, direction, seed) throws(ProteanError) in
            try GRUDirection(options, layer, direction, seed: seed)
        }
        parameters = stack.parameters
    }

    /// Features of the input.
    public var inputSize: Int { options.inputSize }
    /// Units of h.
    public var hiddenSize: Int { options.hiddenSize }

    /// h of the top layer at every step, from a state of zeros.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try run(x).output
    }

    /// Outputs and final states.
    ///
    /// - Parameters:
    ///   - x: `[batch, time, inputSize]`, or time first.
    ///   - lengths: steps of each row, 0...time; nil for all. Steps beyond are not read, and results
    ///     are those of `pack_padded_sequence` and `pad_packed_sequence`. A row of length 0 keeps its
    ///     initial state.
    ///   - initial: h before each row's first step, `[layers · directions, batch, hidden]`; nil for
    ///     zeros.
    /// - Throws: ``ProteanError`` when a tensor or a length does not fit.
    public func run(
        _ x: Tensor, lengths: [Int]? = nil, initial: Tensor? = nil
    ) throws(ProteanError) -> Result {
        let rows = try options.sizes(of: x, lengths: lengths, layer: place)
        try options.check(initial, "hidden", size: hiddenSize, batch: rows.batch, layer: place)
        var states: [Tensor] = []
        let output = try traced(
            "GRU", path: label, input: x,
            cost: { options.cost(gates: 3, rows, parameters, input: x, output: $0) }
        ) { () throws(ProteanError) in
            if x.isShapeOnly { return try options.shapes(x, nil, &states) }
            let result = try Trace.pausing { () throws(ProteanError) in
                try stack.run(x, rows, initial: [initial], layer: place)
            }
            states = result.state
            return result.output
        }
        return Result(output: output, hidden: states[0])
    }
}

/// One layer of a ``GRU`` in one direction.
private struct GRUDirection: RecurrentDirection {
    let stateSizes: [Int]
    private let weights: RecurrentWeights

    var named: [NamedParameter] { weights.named }

    init(
        _ options: RecurrentOptions, _ layer: Int, _ direction: Int, seed: UInt64
    ) throws(ProteanError) {
        weights = try RecurrentWeights(
            gates: 3, inputSize: options.inputSize(ofLayer: layer), hiddenSize: options.hiddenSize,
            stateSize: options.hiddenSize, bias: options.bias,
            suffix: RecurrentOptions.suffix(layer, direction), seed: seed, layer: "GRU")
        stateSizes = [options.hiddenSize]
    }

    func inputProduct(_ x: Tensor, layer: String) throws(ProteanError) -> Tensor {
        try weights.linears(joiningBiases: false).input(x)
    }

    func step(
        _ product: Tensor, _ state: [Tensor], layer: String
    ) throws(ProteanError) -> [Tensor] {
        let hidden = try weights.linears(joiningBiases: false).hidden
        return [
            try Operations.gruCell(
                inputGates: product, hiddenGates: try hidden(state[0]), hidden: state[0],
                layer: layer)
        ]
    }
}
