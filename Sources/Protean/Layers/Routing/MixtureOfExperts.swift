/// A mixture of experts: each token is sent to a few of many layers, whose results are added with
/// the weights of a gate.
///
/// ```
/// y = Σ weight(e, x) · expert_e(x)      over the experts e that the gate chose for x
/// ```
/// Shazeer, Mirhoseini, Maziarz, Davis, Le, Hinton, Dean, "Outrageously Large Neural Networks",
/// ICLR 2017, arXiv 1701.06538; Switch (arXiv 2101.03961) and GShard (arXiv 2006.16668) by other
/// ``ExpertGating``s. A token is a vector of the last axis: input `[…, inputFeatures]`, such as
/// `[batch, features]` or `[batch, tokens, features]`; output `[…, outputFeatures]`.
///
/// Tokens of one expert are gathered, run through it together, and added to the result in order of
/// the experts. An expert that nobody chose is not called. Without a capacity a token's result does
/// not depend on the others of its batch, to the bit; see ``ExpertCapacity`` for the exception. A
/// token that all its experts dropped becomes 0, to be carried by a residual connection.
///
/// Parameters: `w_gate` `[inputFeatures, experts]`; with ``ExpertGating/topK(_:softmax:)`` also
/// `w_noise` of the same shape and the buffers `mean` and `std`, which noise in training uses
/// (``noisyLogits(_:seed:)``); `experts.0`, `experts.1`, …. Cost: per token inputFeatures · experts
/// multiply-adds of the gate, and those of its experts. Given a shape only, every expert sees every
/// token: the cost of the dense sum.
public final class MixtureOfExperts: Layer, ConditionalLayer {
    /// The decision of one call.
    public struct Routing: Sendable {
        /// For each token, in row-major order, its experts and their weights.
        public let choice: Choice
        /// The gate's logits, `[tokens, experts]`.
        public let logits: Tensor
        /// Multiply-adds executed for each token.
        public let executed: [Int]
    }

    /// Size of the last axis of the input.
    public let inputFeatures: Int
    /// How experts are chosen.
    public let gating: ExpertGating
    /// `[inputFeatures, experts]`.
    public let gate: Parameter
    /// `[inputFeatures, experts]`, the weights of the noise's deviation; nil unless top-k.
    public let noise: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    let experts: [any Layer]
    private let normal: [NamedParameter]
    /// Output shape and multiply-adds of every expert for one token.
    private let expected = Derived<Int, [(features: [Int], multiplyAdds: Int)]>()

    /// A mixture of given experts, each of which turns `[tokens, inputFeatures]` into `[tokens,
    /// outputFeatures]`. The gate's weights are initially 0 for top-k, as in the paper, else
    /// seeded.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputFeatures: Int, experts: [any Layer], gating: ExpertGating, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "MixtureOfExperts"
        try checkChannels(inputFeatures, "inputFeatures", layer: layer)
        try gating.check(experts: experts.count, layer: layer)
        for (index, expert) in experts.enumerated() {
            guard let input = expert.channelFlow.input, input != inputFeatures else { continue }
            throw .channelMismatch(
                container: layer, layer: "expert \(index)", expected: input, previous: "the input",
                found: inputFeatures)
        }
        self.inputFeatures = inputFeatures
        self.experts = experts
        self.gating = gating
        let shape = [inputFeatures, experts.count]
        if case .topK = gating {
            gate = try Parameter(repeating: 0, shape: shape, layer: layer)
            noise = try Parameter(repeating: 0, shape: shape, layer: layer)
            normal = [
                NamedParameter("mean", Parameter(buffer: try Tensor(zeros: [1]))),
                NamedParameter("std", Parameter(buffer: try Tensor(repeating: 1, shape: [1]))),
            ]
        } else {
            gate = try Parameter(uniform: shape, fanIn: inputFeatures, seed: seed, layer: layer)
            noise = nil
            normal = []
        }
    }

    /// A mixture of equal experts with one hidden layer: `fc1`, ReLU, `fc2` and, on request, a
    /// softmax, which the PyTorch port of arXiv 1701.06538 has.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public convenience init(
        inputFeatures: Int, outputFeatures: Int, hiddenFeatures: Int, experts count: Int,
        gating: ExpertGating, endsInSoftmax: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "MixtureOfExperts"
        try checkOption(count, "experts", in: 1...OptionLimits.experts, layer: layer)
        var experts: [any Layer] = []
        for index in 0..<count {
            let own = seed &+ 2 &* UInt64(index) &+ 1
            var parts: [(String, any Layer)] = [
                (
                    "fc1",
                    try Linear(
                        inputFeatures: inputFeatures, outputFeatures: hiddenFeatures, seed: own)
                ), ("relu", ReLU()),
                (
                    "fc2",
                    try Linear(
                        inputFeatures: hiddenFeatures, outputFeatures: outputFeatures,
                        seed: own &+ 1)
                ),
            ]
            if endsInSoftmax { parts.append(("soft", Softmax())) }
            experts.append(try Sequential(named: parts))
        }
        try self.init(
            inputFeatures: inputFeatures, experts: experts, gating: gating, seed: seed)
    }

    /// `w_gate` and, with top-k, `w_noise`, `mean` and `std`.
    public var parameters: [NamedParameter] {
        [NamedParameter("w_gate", gate)]
            + (noise.map { [NamedParameter("w_noise", $0)] } ?? []) + normal
    }

    /// `experts.0`, `experts.1`, ….
    public var submodules: [NamedModule] {
        experts.enumerated().map { NamedModule("experts.\($0)", $1) }
    }

    /// Fixed input features; the output's as far as the experts tell.
    public var channelFlow: ChannelFlow {
        .fixed(input: inputFeatures, output: experts.lazy.compactMap(\.channelFlow.output).first)
    }

    /// The weighted sum of the chosen experts.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, an expert's result has another shape than
    ///   the first one's, or a logit of the gate is not a number.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try run(x) { logits throws(ProteanError) in
            try gating.choose(logits, layer: place)
        }.output
    }

    /// The weighted sum, and who computed it.
    ///
    /// - Throws: as ``callAsFunction(_:)``.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: Routing) {
        let (output, choice, logits) = try run(x) { logits throws(ProteanError) in
            try gating.choose(logits, layer: place)
        }
        let executed = try executed(choice, like: x)
        return (output, Routing(choice: choice, logits: logits, executed: executed))
    }

    /// The gate's logits of every token, `[tokens, experts]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func logits(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.matmul(try tokens(x), gate.value)
    }

    /// What the experts cost for one token each, in order.
    ///
    /// - Throws: ``ProteanError`` when an expert does not take `[1, inputFeatures]`, or two of them
    ///   give different shapes.
    func expertCosts() throws(ProteanError) -> [(features: [Int], multiplyAdds: Int)] {
        try expected.value(for: 0) { () throws(ProteanError) in
            var found: [(features: [Int], multiplyAdds: Int)] = []
            for (index, expert) in experts.enumerated() {
                let one = try Tensor(shapeOnly: [1, inputFeatures])
                let (y, cost) = try Trace.pausing { () throws(ProteanError) in
                    try Trace.measuring { () throws(ProteanError) in
                        try expert.applied(to: one, as: "experts.\(index)")
                    }
                }
                let shape = found.first?.features ?? y.shape
                guard y.rank == 2, y.shape == shape else {
                    throw .shapeMismatch(
                        layer: place, tensor: "result of expert \(index)",
                        expected: index == 0 ? "[1, features]" : "\(shape)", found: y.shape)
                }
                found.append((y.shape, cost.multiplyAdds))
            }
            return found
        }
    }

    /// The input as rows of features.
    func tokens(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank >= 1, x.shape[x.rank - 1] == inputFeatures else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[…, \(inputFeatures)]", found: x.shape)
        }
        return try x.reshaped(to: [x.count / inputFeatures, inputFeatures])
    }
}
