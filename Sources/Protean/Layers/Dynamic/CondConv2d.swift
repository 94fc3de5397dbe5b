/// Conditionally parameterised convolution: each sample's kernel is a weighted sum of experts.
///
/// `y[b] = conv(x[b], Σ_e routing[b, e] · weight_e) + Σ_e routing[b, e] · bias_e`
///
/// Yang, Bender, Le, Ngiam, "CondConv: Conditionally Parameterized Convolutions for Efficient
/// Inference", arXiv 1904.04971; names and shapes as timm's `CondConv2d`. The routing weights,
/// `[batch, experts]`, are an input: in the paper `sigmoid(linear(globalAveragePool(x)))`, see
/// ``CondConvRouting``; they are not normalised.
///
/// Input `[batch, height, width, inputChannels]`. Parameters: `weight`
/// `[experts, out · in / groups · height · width]` and `bias` `[experts, out]`.
///
/// Experts are mixed in packed form, once per sample, and one convolution runs with a set of weights
/// per sample. 3 × 3 kernels with stride 1 may run as Winograd's algorithm where its faster sums
/// outweigh its larger mixtures, which depends on the shape of one sample only; experts are then
/// mixed and transformed in one pass. With `algorithm: .direct` one expert with routing weight 1
/// equals a direct ``Conv2d`` bit for bit. Under ``Exactness/guarded`` a sample on which Winograd's
/// algorithm would be too inexact is computed directly. Cost: the convolution, plus batch · experts
/// · weights multiply-adds for mixing.
public final class CondConv2d: MultiInputLayer {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// Number of experts.
    public let experts: Int
    /// `[experts, out · in / groups · height · width]`.
    public let weight: Parameter
    /// `[experts, out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let plans: Conv2dPlanCache

    /// A layer with seeded initial values, uniform in ±1/√(inputs per output) for every expert;
    /// 1...65536 experts, other options as for ``Conv2d``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d = 3, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = false,
        experts: Int = 4, algorithm: Conv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkOption(experts, "experts", in: 1...OptionLimits.experts, layer: "CondConv2d")
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            algorithm: algorithm, layer: "CondConv2d")
        self.experts = experts
        let fanIn = geometry.fanIn
        weight = try Parameter(
            uniform: [experts, outputChannels * fanIn], fanIn: fanIn, seed: seed,
            layer: "CondConv2d")
        self.bias =
            bias
            ? try Parameter(
                uniform: [experts, outputChannels], fanIn: fanIn, seed: ~seed, layer: "CondConv2d")
            : nil
        plans = Conv2dPlanCache(
            weight: weight, bias: self.bias, experts: experts, geometry: geometry)
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// The convolution of each sample with its own mixture of experts.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, inputChannels]`.
    ///   - routing: `[batch, experts]`.
    ///   - epilogue: operations applied to the sums before they are stored.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, routing: Tensor, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try run(x, routing: routing, plans: plans, epilogue: epilogue)
    }

    /// The plan for an input of shape `[batch, height, width, channels]` on this machine.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func plan(for input: [Int]) throws(ProteanError) -> Conv2dPlan {
        try geometry.plan(for: input, experts: experts, layer: place)
    }

    /// `routing_weights`.
    public var inputNames: [String] { ["routing_weights"] }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// All parts; a gate only if there is no bias, which would be added after it.
    public var epilogueParts: EpilogueParts { bias == nil ? .all : [.activation, .residual] }

    /// The convolution with the routing weights `inputs[0]`; see
    /// ``callAsFunction(_:routing:epilogue:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try callAsFunction(x, routing: inputs[0], epilogue: epilogue)
    }

    /// The convolution and `norm` as one kernel; a ``FusedCondConv2d``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(
        _ norm: any FoldableNorm
    ) throws(ProteanError) -> (any MultiInputKernel)? {
        try FusedCondConv2d(self, norm)
    }

    /// The output with the weights of `plans`. `place` and `label` are those of the layer to name in
    /// errors and traces, if it is another one.
    func run(
        _ x: Tensor, routing: Tensor, plans: Conv2dPlanCache, epilogue: Conv2dEpilogue,
        place: String? = nil, label: Label? = nil
    ) throws(ProteanError) -> Tensor {
        let place = place ?? self.place
        guard x.rank == 4, routing.shape == [x.shape[0], experts] else {
            throw .shapeMismatch(
                layer: place, tensor: "routing_weights",
                expected: "[\(x.shape.first ?? 0), \(experts)]", found: routing.shape)
        }
        return try traced(
            "CondConv2d", path: label ?? self.label, input: x,
            cost: { cost(input: x, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, plans, mixture: ExpertMixture(routing: routing), epilogue: epilogue,
                layer: place)
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        let samples = input.shape[0]
        return Cost(
            multiplyAdds: output.count * geometry.fanIn + samples * parameters,
            parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
