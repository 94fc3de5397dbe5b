/// A hierarchical multiscale LSTM with its output network: ``HMLSTMCells``, then
/// `relu([g_1 · h_1, g_2 · h_2, …] E)` with a learned gate `g_l = sigmoid([h_1, h_2, …] w_l)` for each
/// layer, and `tanh(tanh(e w1 + b1) w2 + b2) w3 + b3`. Chung, Ahn, Bengio, arXiv 1609.01704; the output
/// network as in the TensorFlow code of n-s-f.
///
/// Parameters: `multi_hmlstm_cell.cell_{l}.kernel`, `gates_vars.gate_{l}` `[all units, 1]`,
/// `embedding_vars.embed_weights` `[all units, embedding]`, `output_module_vars.w1` …, `b1` `[1, hidden]`
/// and so on, `[in, out]`.
public final class HMLSTMNetwork: Module {
    /// The recurrent layers.
    public let cells: HMLSTMCells
    /// Runs the layers over a sequence.
    public let runner: SequenceRunner
    /// The layers, then the groups of the output network.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let gates: ParameterGroup, embedding: ParameterGroup, output: ParameterGroup

    /// A network with seeded initial values; defaults as in the reference.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - outputSize: features of the result.
    ///   - sizes: units of each layer, from the bottom.
    ///   - hiddenSize: units of the output network's layers.
    ///   - embeddingSize: features of the embedding of all layers.
    ///   - slope: of the boundaries' sigmoid.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int = 1, outputSize: Int = 1, sizes: [Int] = [50, 50, 50],
        hiddenSize: Int = 100, embeddingSize: Int = 100, slope: Float = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        for (name, size) in [
            ("outputSize", outputSize), ("hiddenSize", hiddenSize),
            ("embeddingSize", embeddingSize),
        ] {
            try checkChannels(size, name, layer: "HMLSTMNetwork")
        }
        cells = try HMLSTMCells(inputSize: inputSize, sizes: sizes, slope: slope, seed: seed)
        runner = try SequenceRunner(cells: [cells], policy: ReadEverything())
        let all = sizes.reduce(0, +)
        var number = seed &+ 1_024
        func parameter(_ name: String, _ shape: [Int]) throws(ProteanError) -> NamedParameter {
            number &+= 1
            return NamedParameter(
                name,
                try Parameter(
                    uniform: shape, fanIn: shape[0], seed: number, layer: "HMLSTMNetwork"))
        }
        var list: [NamedParameter] = []
        for layer in sizes.indices { list.append(try parameter("gate_\(layer)", [all, 1])) }
        gates = ParameterGroup(parameters: list)
        embedding = ParameterGroup(parameters: [
            try parameter("embed_weights", [all, embeddingSize])
        ])
        output = ParameterGroup(parameters: [
            try parameter("b1", [1, hiddenSize]), try parameter("b2", [1, hiddenSize]),
            try parameter("b3", [1, outputSize]),
            try parameter("w1", [embeddingSize, hiddenSize]),
            try parameter("w2", [hiddenSize, hiddenSize]),
            try parameter("w3", [hiddenSize, outputSize]),
        ])
        submodules = [
            NamedModule("multi_hmlstm_cell", cells), NamedModule("gates_vars", gates),
            NamedModule("embedding_vars", embedding), NamedModule("output_module_vars", output),
        ]
    }

    /// The result of every step, `[batch, time, outputSize]`, and the run of the layers.
    ///
    /// - Throws: ``ProteanError`` when the input does not fit.
    public func run(
        _ input: any SequenceInput, lengths: [Int]? = nil
    ) throws(ProteanError) -> (predictions: Tensor, run: SequenceRunner.Result) {
        let run = try runner.run(input, lengths: lengths)
        guard let hidden = run.output else { throw .noValues(layer: place) }
        return (try predictions(hidden), run)
    }

    /// The output network on h of all layers, `[…, all units]`.
    ///
    /// - Throws: ``ProteanError`` when `hidden` does not fit.
    public func predictions(_ hidden: Tensor) throws(ProteanError) -> Tensor {
        let units = cells.sizes.reduce(0, +)
        guard hidden.shape.last == units else {
            throw .shapeMismatch(
                layer: place, tensor: "hidden", expected: "[…, \(units)]", found: hidden.shape)
        }
        let rows = try hidden.reshaped(to: [hidden.count / units, units])
        let parts = try rows.split(sizes: cells.sizes, axis: 1)
        var gated: [Tensor] = []
        for (layer, part) in parts.enumerated() {
            let weight = gates.parameters[layer].parameter.value
            gated.append(try Operations.matmul(rows, weight).sigmoid() * part)
        }
        func value(_ index: Int) -> Tensor { output.parameters[index].parameter.value }
        let joined = try Operations.concatenate(gated, axis: 1)
        let embedded = try Operations.activate(
            Operations.matmul(joined, embedding.parameters[0].parameter.value), .relu)
        let first = try (Operations.matmul(embedded, value(3)) + value(0)).tanh()
        let second = try (Operations.matmul(first, value(4)) + value(1)).tanh()
        let result = try Operations.matmul(second, value(5)) + value(2)
        return try result.reshaped(to: Array(hidden.shape.dropLast()) + [value(2).shape[1]])
    }
}
