/// Dynamic convolution: an attention over several kernels, computed from the input's channel means,
/// mixes them into one kernel per sample.
///
/// `a = softmax(fc2(relu(fc1(mean(x)))) / temperature)`,
/// `y[b] = conv(x[b], Σ_e a[b, e] · weight_e) + Σ_e a[b, e] · bias_e`
///
/// Chen, Dai, Liu, Chen, Yuan, Liu, "Dynamic Convolution: Attention over Convolution Kernels", arXiv
/// 1912.03458 (DY-CNN); names and shapes as `Dynamic_conv2d` of kaijieshi7's PyTorch version. Input
/// `[batch, height, width, inputChannels]`, output as for ``Conv2d``. Parameters: `weight`
/// `[experts, out, in / groups, height, width]`, `bias` `[experts, out]`, and
/// `attention.fc1.weight` `[hidden, in, 1, 1]`, `attention.fc2.weight` `[experts, hidden, 1, 1]`,
/// `attention.fc2.bias` `[experts]`. Hidden units: ⌊in · ratio⌋ + 1, for 3 input channels `experts`.
///
/// Files do not store the temperature. It is high at the start of training, so that all kernels
/// learn, and falls to 1: inference uses 1, the default here (the reference's constructor
/// starts at 34). With `algorithm: .direct` one expert equals a direct ``Conv2d`` bit for bit. Kernels
/// are mixed in packed form, one set per sample (see ``CondConv2d``); the norm, the activation and the residual after the layer run in its
/// kernel. Cost: the convolution, experts · weights multiply-adds per sample for mixing and hidden ·
/// (in + experts) for the attention.
public final class DynamicConv2d: FoldsNorm, MixesExperts, HasInitialWeights {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// Number of kernels that are mixed.
    public let experts: Int
    /// `[experts, out, in / groups, height, width]`.
    public let weight: Parameter
    /// `[experts, out]`, or nil.
    public let bias: Parameter?
    /// The attention over the kernels.
    public let attention: DynamicConvAttention
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let plans: Conv2dPlanCache

    /// A layer with seeded weights, uniform in ±1/√(inputs per output), and biases of zero.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: height and width of the kernels.
    ///   - ratio: hidden units of the attention per input channel; at least 0.
    ///   - stride: step from one output to the next, in input pixels.
    ///   - padding: zeros around the input.
    ///   - dilation: distance between neighbouring taps, in input pixels.
    ///   - groups: independent groups of channels.
    ///   - bias: whether every expert has a bias.
    ///   - experts: kernels to mix, 1...65536.
    ///   - temperature: divides the attention's logits; 1 in inference.
    ///   - algorithm: the algorithms that may be used.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, ratio: Double = 0.25,
        stride: Size2d = 1, padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1,
        bias: Bool = true, experts: Int = 4, temperature: Float = 1,
        algorithm: Conv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "DynamicConv2d"
        try checkOption(experts, "experts", in: 1...OptionLimits.experts, layer: layer)
        try Operations.checkTemperature(temperature, layer: layer)
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            algorithm: algorithm, layer: layer)
        self.experts = experts
        weight = try Parameter(
            uniform: [experts] + geometry.weightShape, fanIn: geometry.fanIn, seed: seed,
            layer: layer)
        self.bias =
            bias
            ? try Parameter(repeating: 0, shape: [experts, outputChannels], layer: layer) : nil
        let hidden = try Self.hiddenUnits(
            channels: inputChannels, ratio: ratio, experts: experts, layer: layer)
        attention = try DynamicConvAttention(
            channels: inputChannels, hidden: hidden, experts: experts, temperature: temperature,
            seed: seed &+ 1)
        plans = Conv2dPlanCache(
            weight: weight, bias: self.bias, experts: experts, geometry: geometry)
    }

    private static func hiddenUnits(
        channels: Int, ratio: Double, experts: Int, layer: String
    ) throws(ProteanError) -> Int {
        let units = Double(channels) * ratio
        guard ratio >= 0, units < Double(OptionLimits.channels) else {
            throw .invalidOption(
                layer: layer, option: "ratio",
                expected: "a number of at least 0, with fewer than \(OptionLimits.channels) units",
                found: "\(ratio)")
        }
        return channels == 3 ? experts : Int(units) + 1
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// `attention`.
    public var submodules: [NamedModule] { [NamedModule("attention", attention)] }

    /// `weight`.
    public var initialWeights: [InitialWeight] {
        [InitialWeight("weight", weight, fanIn: geometry.fanIn)]
    }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// All parts; a gate only if there is no bias, which would be added after it.
    public var epilogueParts: EpilogueParts { bias == nil ? .all : [.activation, .residual] }

    /// The convolution of each sample with its own mixture of kernels.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, epilogue: Conv2dEpilogue())
    }

    /// The same, with an epilogue applied to the sums before they are stored.
    ///
    /// - Throws: ``ProteanError`` when `x`, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try run(x, plans, epilogue)
    }

    func run(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: geometry.inputChannels, layer: place)
        let routing = try attention.applied(to: x, as: "attention")
        return try traced(
            "DynamicConv2d", path: label, input: x,
            cost: { cost(input: x, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, plans, mixture: ExpertMixture(routing: routing), epilogue: epilogue, layer: place
            )
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        return Cost(
            multiplyAdds: output.count * geometry.fanIn + input.shape[0] * parameters,
            parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
