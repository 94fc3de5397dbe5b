/// A long short-term memory network over whole sequences, `torch.nn.LSTM`.
///
/// Every layer applies ``LSTMCell``'s formula from the first step to the last, `_reverse` from the
/// last to the first; layers above the first read the outputs of all directions below. With
/// `projectionSize` P > 0, `h' = W_hr (o · tanh(c'))` has P features (Sak et al., arXiv 1402.1128).
///
/// Input `[batch, time, inputSize]`, or `[time, batch, inputSize]` with `batchFirst: false`
/// (PyTorch's default). Output the same with directions · H features, forward first, H the size
/// of h. Parameters for layer k: `weight_ih_l{k}` `[4 · hidden, input]`, `weight_hh_l{k}`
/// `[4 · hidden, H]`, `bias_ih_l{k}`, `bias_hh_l{k}` `[4 · hidden]`, with a projection
/// `weight_hr_l{k}` `[P, hidden]`; the same with `_reverse`. Gates in the order i, f, g, o.
///
/// The input's products of all steps are one product; each step then adds the state's product and
/// one fused pass. Rows with fewer steps leave early. A row's bits do not depend on the batch.
/// Cost per row and step: 4 · hidden · (input + H) multiply-adds per layer and direction.
public final class LSTM: Layer {
    /// What ``run(_:lengths:initial:)`` returns.
    public struct Result: Sendable {
        /// h of the top layer at every step, as the input lies; zeros beyond a row's length.
        public let output: Tensor
        /// h after each row's own last step, `[layers · directions, batch, H]`, for layer 0 forward,
        /// layer 0 backward, layer 1 forward …
        public let hidden: Tensor
        /// c likewise, `[layers · directions, batch, hidden]`.
        public let cell: Tensor
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
    ///   - hiddenSize: units of c, and of h without a projection.
    ///   - layers: 1...1024.
    ///   - bias: whether there are biases.
    ///   - batchFirst: whether the batch is the outermost axis of input and output.
    ///   - bidirectional: whether there is a second direction.
    ///   - projectionSize: features of h, below `hiddenSize`; 0 for no projection.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputSize: Int, hiddenSize: Int, layers: Int = 1, bias: Bool = true,
        batchFirst: Bool = true, bidirectional: Bool = false, projectionSize: Int = 0,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let options = RecurrentOptions(
            inputSize: inputSize, hiddenSize: hiddenSize, layers: layers, bias: bias,
            batchFirst: batchFirst, isBidirectional: bidirectional, projectionSize: projectionSize)
        try options.check("LSTM")
        self.options = options
        stack = try RecurrentStack(options, seed: seed) {
            (layer, direction, seed) throws(ProteanError) in
            try LSTMDirection(options, layer, direction, seed: seed)
        }
        parameters = stack.parameters
    }

    /// Features of the input.
    public var inputSize: Int { options.inputSize }
    /// Units of c.
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
    ///   - initial: h and c before each row's first step, `[layers · directions, batch, size]`; nil
    ///     for zeros.
    /// - Throws: ``ProteanError`` when a tensor or a length does not fit.
    public func run(
        _ x: Tensor, lengths: [Int]? = nil, initial: (hidden: Tensor, cell: Tensor)? = nil
    ) throws(ProteanError) -> Result {
        let rows = try options.sizes(of: x, lengths: lengths, layer: place)
        try options.check(
            initial?.hidden, "hidden", size: options.stateSize, batch: rows.batch, layer: place)
        try options.check(
            initial?.cell, "cell", size: hiddenSize, batch: rows.batch, layer: place)
        var states: [Tensor] = []
        let output = try traced(
            "LSTM", path: label, input: x,
            cost: { options.cost(gates: 4, rows, parameters, input: x, output: $0) }
        ) { () throws(ProteanError) in
            if x.isShapeOnly { return try options.shapes(x, hiddenSize, &states) }
            let result = try Trace.pausing { () throws(ProteanError) in
                try stack.run(x, rows, initial: [initial?.hidden, initial?.cell], layer: place)
            }
            states = result.state
            return result.output
        }
        return Result(output: output, hidden: states[0], cell: states[1])
    }
}

/// One layer of an ``LSTM`` in one direction.
private struct LSTMDirection: RecurrentDirection {
    let named: [NamedParameter]
    let stateSizes: [Int]
    private let weights: RecurrentWeights
    private let projection: Linear?

    init(
        _ options: RecurrentOptions, _ layer: Int, _ direction: Int, seed: UInt64
    ) throws(ProteanError) {
        let suffix = RecurrentOptions.suffix(layer, direction)
        weights = try RecurrentWeights(
            gates: 4, inputSize: options.inputSize(ofLayer: layer), hiddenSize: options.hiddenSize,
            stateSize: options.stateSize, bias: options.bias, suffix: suffix, seed: seed,
            layer: "LSTM")
        stateSizes = [options.stateSize, options.hiddenSize]
        if options.projectionSize > 0 {
            let linear = try Linear(
                inputFeatures: options.hiddenSize, outputFeatures: options.projectionSize,
                bias: false, seed: seed &+ 4)
            projection = linear
            named = weights.named + [NamedParameter("weight_hr" + suffix, linear.weight)]
        } else {
            projection = nil
            named = weights.named
        }
    }

    func inputProduct(_ x: Tensor, layer: String) throws(ProteanError) -> Tensor {
        try weights.linears(joiningBiases: true).input(x)
    }

    func step(
        _ product: Tensor, _ state: [Tensor], layer: String
    ) throws(ProteanError) -> [Tensor] {
        let hidden = try weights.linears(joiningBiases: true).hidden
        let sums = try hidden(state[0], epilogue: Conv2dEpilogue(residual: product))
        let next = try Operations.lstmCell(gates: sums, cell: state[1], layer: layer)
        guard let projection else { return [next.hidden, next.cell] }
        return [try projection(next.hidden), next.cell]
    }
}

extension RecurrentOptions {
    /// The cost of a call: every step of every row.
    func cost(
        gates: Int, _ rows: PackedRows, _ parameters: [NamedParameter], input: Tensor,
        output: Tensor
    ) -> Cost {
        let count = parameters.reduce(0) { $0 + $1.parameter.count }
        var perStep = 0
        for layer in 0..<layers {
            perStep += gates * hiddenSize * (inputSize(ofLayer: layer) + stateSize)
            perStep += hiddenSize * projectionSize
        }
        return Cost(
            multiplyAdds: rows.batch * rows.time * directions * perStep,
            executedMultiplyAdds: rows.total * directions * perStep, parameters: count,
            bytes: (count + input.count + output.count) * MemoryLayout<Float>.stride)
    }

    /// The results' shapes for an input without values; `cellSize` nil for a state without c.
    func shapes(
        _ x: Tensor, _ cellSize: Int?, _ states: inout [Tensor]
    ) throws(ProteanError) -> Tensor {
        let batch = batchFirst ? x.shape[0] : x.shape[1]
        states = [try Tensor(shapeOnly: [layers * directions, batch, stateSize])]
        if let cellSize {
            states.append(try Tensor(shapeOnly: [layers * directions, batch, cellSize]))
        }
        return try Tensor(shapeOnly: Array(x.shape.dropLast()) + [directions * stateSize])
    }
}
