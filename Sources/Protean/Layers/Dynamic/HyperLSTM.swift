/// An LSTM cell whose weights are scaled at every step by a second, smaller LSTM cell.
///
/// With ĥ the output of the small cell on [x, h], for each gate q of i, j, f, o:
/// `q = α_x · (W_xh x) + α_h · (W_hh h) + b + β`, `α = (ĥ zw + zw_b) A`, `β = (ĥ zb) B`, all
/// products with α by element; then `q = norm(q)` over the gate's units,
/// `c' = sigmoid(f + forgetBias) · c + sigmoid(i) · tanh(j)`, `h' = sigmoid(o) · tanh(norm(c'))`.
/// Ha, Dai, Le, "HyperNetworks", arXiv 1609.09106; names, shapes and order of the gates as
/// `HyperLSTMCell` of hardmaru/supercell, dots for TensorFlow's slashes.
///
/// Input `[batch, inputSize]`, output h', `[batch, units]`; the state holds h and c of both cells.
/// Parameters, `[in, out]` as in TensorFlow: `W_xh`, `W_hh`, `bias`;
/// `hyper_{ix,jx,fx,ox,ih,jh,fh,oh}` with `zw.super_linear_w`, `zw.super_linear_b` and
/// `alpha.super_linear_w`; `hyper_{ib,jb,fb,ob}` with `zb.super_linear_w` and
/// `beta.super_linear_w`; `ln_all` and `ln_c` with `ln_gamma` and `ln_beta`; the small cell under
/// `LSTMCell`: `W_xh`, `W_hh_i`, `bias`, `ln`, `ln_c`. Norms have ε = 10⁻³.
///
/// The forget bias is added at run time and stored nowhere. The twelve embeddings are one product and
/// their twelve expansions one batch of products. Cost per sample: 4 · units · (input + units) and
/// the small cell's likewise, and 12 · embedding · (hyper units + units) multiply-adds.
public final class HyperLSTM: StatefulLayer {
    /// The states of the main and of the small cell.
    public struct State: Sendable {
        /// Of the main cell.
        public var main: LSTMCell.State
        /// Of the small cell.
        public var hyper: LSTMCell.State

        /// A state with the given values.
        public init(main: LSTMCell.State, hyper: LSTMCell.State) {
            self.main = main
            self.hyper = hyper
        }
    }

    /// Features of the input.
    public let inputSize: Int
    /// Units of the main cell.
    public let units: Int
    /// Units of the small cell.
    public let hyperUnits: Int
    /// Numbers in which the small cell tells each gate's scales.
    public let embeddingSize: Int
    /// Added to the main cell's forget gate; the small cell adds 1.
    public let forgetBias: Float
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let weights: HyperLSTMWeights
    private let small: LSTMGates
    private let projections = Derived<Int, Projections>()

    /// The products of a step, with weights joined and packed.
    private struct Projections: Sendable {
        let input: Linear, hidden: Linear, embeddings: Linear
        /// `[12, embedding, units]`.
        let expansions: Tensor
    }

    /// A cell with seeded initial values: scales of 0.1 and no shift, as in the reference, and uniform
    /// weights.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - units: of the main cell.
    ///   - hyperUnits: units of the small cell.
    ///   - embeddingSize: of each gate's signal.
    ///   - forgetBias: added to the main cell's forget gate.
    ///   - usesLayerNorm: whether gates and states of both cells are normalised.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputSize: Int, units: Int, hyperUnits: Int = 128, embeddingSize: Int = 16,
        forgetBias: Float = 1, usesLayerNorm: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "HyperLSTM", most = OptionLimits.channels / 16
        for (option, size) in [
            ("inputSize", inputSize), ("units", units), ("hyperUnits", hyperUnits),
            ("embeddingSize", embeddingSize),
        ] {
            try checkOption(size, option, in: 1...most, layer: layer)
        }
        guard forgetBias.isFinite else {
            throw .invalidOption(
                layer: layer, option: "forgetBias", expected: "a finite number",
                found: "\(forgetBias)")
        }
        self.inputSize = inputSize
        self.units = units
        self.hyperUnits = hyperUnits
        self.embeddingSize = embeddingSize
        self.forgetBias = forgetBias
        weights = try HyperLSTMWeights(
            inputSize, units, hyperUnits, embeddingSize, usesLayerNorm, seed: seed)
        small = LSTMGates(
            input: weights.smallInput, hidden: weights.smallHidden, biases: [weights.smallBias],
            isTransposed: true)
    }

    /// `W_xh`, `W_hh` and `bias`.
    public var parameters: [NamedParameter] { weights.parameters }
    /// `LSTMCell`, the twelve `hyper_…`, `ln_all` and `ln_c`.
    public var submodules: [NamedModule] { weights.submodules }

    /// Zeros.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func initialState(for input: [Int]) throws(ProteanError) -> State {
        try check(input)
        return State(
            main: try LSTMCell.State(zeros: [input[0], units]),
            hyper: try LSTMCell.State(zeros: [input[0], hyperUnits]))
    }

    /// One step; returns h'.
    ///
    /// - Throws: ``ProteanError`` when `x` or the state does not fit.
    public func callAsFunction(
        _ x: Tensor, state: inout State
    ) throws(ProteanError) -> Tensor {
        try check(x.shape)
        try state.main.check([x.shape[0], units], layer: place)
        try state.hyper.check([x.shape[0], hyperUnits], layer: place)
        let current = state
        var next = state
        let hidden = try traced("HyperLSTM", path: label, input: x, cost: { _ in cost(x) }) {
            () throws(ProteanError) in
            next = try Trace.pausing { () throws(ProteanError) in try step(x, current) }
            return next.main.hidden
        }
        state = next
        return hidden
    }

    private func step(_ x: Tensor, _ state: State) throws(ProteanError) -> State {
        let joined = try Operations.concatenate([x, state.main.hidden], axis: 1)
        let small = try Operations.lstmCell(
            gates: try small.sums(joined, state.hyper.hidden, layer: place),
            cell: state.hyper.cell, order: .inputCellForgetOutput, forgetBias: 1,
            norm: weights.smallNorm?.value, layer: place)
        let sums = try gates(x, state.main.hidden, signal: small.hidden)
        let main = try Operations.lstmCell(
            gates: sums, cell: state.main.cell, order: .inputCellForgetOutput,
            forgetBias: forgetBias, norm: weights.mainNorm?.value, layer: place)
        return State(
            main: LSTMCell.State(hidden: main.hidden, cell: main.cell),
            hyper: LSTMCell.State(hidden: small.hidden, cell: small.cell))
    }

    /// The scaled and shifted sums of the main cell's gates, `[batch, 4 · units]`.
    private func gates(
        _ x: Tensor, _ h: Tensor, signal: Tensor
    ) throws(ProteanError) -> Tensor {
        let p = try projections.value(for: weights.version) { () throws(ProteanError) in
            Projections(
                input: try Linear(weight: try weights.input.value.transposed()),
                hidden: try Linear(weight: try weights.hidden.value.transposed()),
                embeddings: try weights.embeddings(), expansions: try weights.expansions())
        }
        let batch = x.shape[0]
        let embedded = try p.embeddings(signal).reshaped(to: [batch, 12, embeddingSize])
        let expanded = try Operations.matmul(
            try embedded.permuted([1, 0, 2]), p.expansions
        ).permuted([1, 0, 2]).reshaped(to: [batch, 12 * units])
        let parts = try expanded.split(
            sizes: [4 * units, 4 * units, 4 * units], axis: 1)
        let products = try p.input(x) * parts[0] + p.hidden(h) * parts[1]
        return try products + (parts[2] + weights.bias.value)
    }

    private func check(_ input: [Int]) throws(ProteanError) {
        guard input.count == 2, input[1] == inputSize else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, \(inputSize)]", found: input)
        }
    }

    private func cost(_ x: Tensor) -> Cost {
        let rows = x.shape[0], stored = weights.count
        let main = 4 * units * (inputSize + units)
        let hyper = 4 * hyperUnits * (inputSize + units + hyperUnits)
        let signals = 12 * embeddingSize * (hyperUnits + units)
        return Cost(
            multiplyAdds: rows * (main + hyper + signals), parameters: stored,
            bytes: (stored + x.count + 4 * rows * (units + hyperUnits))
                * MemoryLayout<Float>.stride)
    }
}
