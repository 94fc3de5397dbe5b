/// The parameters of a ``HyperLSTM`` under the reference's names.
final class HyperLSTMWeights: Sendable {
    /// The factors and summands of a cell's norms.
    struct Norm: Sendable {
        let gateScale, gateShift, cellScale, cellShift: Parameter

        init(_ units: Int) throws(ProteanError) {
            let layer = "HyperLSTM"
            gateScale = try Parameter(repeating: 1, shape: [4 * units], layer: layer)
            gateShift = try Parameter(repeating: 0, shape: [4 * units], layer: layer)
            cellScale = try Parameter(repeating: 1, shape: [units], layer: layer)
            cellShift = try Parameter(repeating: 0, shape: [units], layer: layer)
        }

        var value: LSTMNorm {
            LSTMNorm(
                gateScale: gateScale.value, gateShift: gateShift.value, cellScale: cellScale.value,
                cellShift: cellShift.value)
        }

        /// The two norms, that of the gates under `gates`.
        func submodules(gates: String) -> [NamedModule] {
            [(gates, gateScale, gateShift), ("ln_c", cellScale, cellShift)].map {
                NamedModule(
                    $0,
                    ParameterGroup(parameters: [
                        NamedParameter("ln_gamma", $1), NamedParameter("ln_beta", $2),
                    ]))
            }
        }
    }

    /// From the small cell's output to one gate's scales or shifts.
    struct Signal: Sendable {
        /// `[hyperUnits, embedding]`, and `[embedding]` for scales.
        let embedding: Parameter, embeddingBias: Parameter?
        /// `[embedding, units]`.
        let expansion: Parameter
    }

    static let scaled = ["ix", "jx", "fx", "ox", "ih", "jh", "fh", "oh"]
    static let shifted = ["ib", "jb", "fb", "ob"]

    let input, hidden, bias: Parameter
    let smallInput, smallHidden, smallBias: Parameter
    let mainNorm: Norm?, smallNorm: Norm?
    let signals: [Signal]
    private let units: Int, embeddingSize: Int

    init(
        _ inputSize: Int, _ units: Int, _ hyperUnits: Int, _ embeddingSize: Int,
        _ usesLayerNorm: Bool, seed: UInt64
    ) throws(ProteanError) {
        let layer = "HyperLSTM"
        self.units = units
        self.embeddingSize = embeddingSize
        func uniform(_ shape: [Int], _ index: UInt64) throws(ProteanError) -> Parameter {
            try Parameter(uniform: shape, fanIn: shape[0], seed: seed &+ index, layer: layer)
        }
        func equal(_ value: Float, _ shape: [Int]) throws(ProteanError) -> Parameter {
            try Parameter(repeating: value, shape: shape, layer: layer)
        }
        input = try uniform([inputSize, 4 * units], 0)
        hidden = try uniform([units, 4 * units], 1)
        bias = try equal(0, [4 * units])
        smallInput = try uniform([inputSize + units, 4 * hyperUnits], 2)
        smallHidden = try uniform([hyperUnits, 4 * hyperUnits], 3)
        smallBias = try equal(0, [4 * hyperUnits])
        mainNorm = usesLayerNorm ? try Norm(units) : nil
        smallNorm = usesLayerNorm ? try Norm(hyperUnits) : nil
        var signals: [Signal] = []
        for index in 0..<12 {
            let isScale = index < 8
            signals.append(
                Signal(
                    embedding: isScale
                        ? try equal(0, [hyperUnits, embeddingSize])
                        : try Parameter(
                            uniform: [hyperUnits, embeddingSize], in: -0.01...0.01,
                            seed: seed &+ UInt64(index), layer: layer),
                    embeddingBias: isScale ? try equal(1, [embeddingSize]) : nil,
                    expansion: try equal(
                        isScale ? 0.1 / Float(embeddingSize) : 0, [embeddingSize, units])))
        }
        self.signals = signals
    }

    var parameters: [NamedParameter] {
        [
            NamedParameter("W_xh", input), NamedParameter("W_hh", hidden),
            NamedParameter("bias", bias),
        ]
    }

    var submodules: [NamedModule] {
        let small = ParameterGroup(
            parameters: [
                NamedParameter("W_xh", smallInput), NamedParameter("W_hh_i", smallHidden),
                NamedParameter("bias", smallBias),
            ], submodules: smallNorm?.submodules(gates: "ln") ?? [])
        let names = Self.scaled + Self.shifted
        return [NamedModule("LSTMCell", small)]
            + zip(names, signals).map { NamedModule("hyper_" + $0, Self.group($1)) }
            + (mainNorm?.submodules(gates: "ln_all") ?? [])
    }

    private static func group(_ signal: Signal) -> ParameterGroup {
        let isScale = signal.embeddingBias != nil
        var first = [NamedParameter("super_linear_w", signal.embedding)]
        if let bias = signal.embeddingBias { first.append(NamedParameter("super_linear_b", bias)) }
        let second = [NamedParameter("super_linear_w", signal.expansion)]
        return ParameterGroup(submodules: [
            NamedModule(isScale ? "zw" : "zb", ParameterGroup(parameters: first)),
            NamedModule(isScale ? "alpha" : "beta", ParameterGroup(parameters: second)),
        ])
    }

    private var all: [Parameter] {
        let norms = [mainNorm, smallNorm].compactMap { $0 }.flatMap {
            [$0.gateScale, $0.gateShift, $0.cellScale, $0.cellShift]
        }
        let signal = signals.flatMap {
            [$0.embedding, $0.expansion] + ($0.embeddingBias.map { [$0] } ?? [])
        }
        return [input, hidden, bias, smallInput, smallHidden, smallBias] + norms + signal
    }

    var count: Int { all.reduce(0) { $0 + $1.count } }
    var version: Int { all.reduce(0) { $0 + $1.version } }

    /// All embeddings as one layer, `[batch, hyperUnits]` to `[batch, 12 · embedding]`.
    func embeddings() throws(ProteanError) -> Linear {
        var weights: [Tensor] = [], biases: [Tensor] = []
        for signal in signals {
            weights.append(signal.embedding.value)
            let zeros = try Tensor(zeros: [embeddingSize])
            biases.append(signal.embeddingBias?.value ?? zeros)
        }
        return try Linear(
            weight: try Operations.concatenate(weights, axis: 1).transposed(),
            bias: try Operations.concatenate(biases, axis: 0))
    }

    /// All expansions, `[12, embedding, units]`.
    func expansions() throws(ProteanError) -> Tensor {
        try Operations.stack(signals.map(\.expansion.value))
    }
}
