/// Omni-dimensional dynamic convolution: attentions over the input channels, the output channels, the
/// taps and several kernels, all computed from the input's channel means.
///
/// `y[b] = af[b] · conv(ac[b] · x[b], as[b] · Σ_e aw[b, e] · weight_e)`, ac per input channel, af per
/// output channel, as per tap, aw per kernel; see ``ODConvAttention`` for the attentions.
///
/// Li, Zhou, Yao, "Omni-Dimensional Dynamic Convolution", ICLR 2022 (arXiv 2209.07947); names and
/// shapes as OSVAI's `ODConv2d`, with square kernels and without bias. Input
/// `[batch, height, width, inputChannels]`, output as for ``Conv2d``. Parameters: `weight`
/// `[experts, out, in / groups, k, k]` and those of `attention`. Hidden units of the attention:
/// max(⌊in · reduction⌋, minimumHidden).
///
/// Kernels are mixed in packed form, and ac and as are applied while they are mixed; af multiplies the
/// sums before they are stored. No copy of the weights and no scaled copy of `x` is made. The norm,
/// the activation and the residual after the layer run in its kernel. The temperature is 1 except
/// early in training. With zero logits everywhere and one kernel a direct layer gives an eighth of a
/// direct ``Conv2d``'s result, bit for bit.
/// Cost: the convolution, (experts + 1) · weights multiply-adds per sample for mixing, and the
/// attention's.
public final class ODConv2d: FoldsNorm, MixesExperts, HasInitialWeights {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// Number of kernels that are mixed.
    public let experts: Int
    /// `[experts, out, in / groups, k, k]`.
    public let weight: Parameter
    /// The attentions.
    public let attention: ODConvAttention
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let plans: Conv2dPlanCache

    /// A layer with seeded weights, uniform in ±1/√(inputs per output).
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: height and width of the kernels.
    ///   - stride: step from one output to the next, in input pixels.
    ///   - padding: zeros around the input.
    ///   - dilation: distance between neighbouring taps, in input pixels.
    ///   - groups: independent groups of channels.
    ///   - reduction: hidden units of the attention per input channel; at least 0.
    ///   - experts: kernels to mix, 1...65536.
    ///   - minimumHidden: the fewest hidden units.
    ///   - temperature: divides the logits of all attentions; 1 in inference.
    ///   - algorithm: the algorithms that may be used.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, reduction: Double = 0.0625,
        experts: Int = 4, minimumHidden: Int = 16, temperature: Float = 1,
        algorithm: Conv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "ODConv2d"
        try checkOption(experts, "experts", in: 1...OptionLimits.experts, layer: layer)
        try checkChannels(minimumHidden, "minimumHidden", layer: layer)
        try Operations.checkTemperature(temperature, layer: layer)
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels,
            kernelSize: Size2d(kernelSize), stride: stride, padding: padding, dilation: dilation,
            groups: groups, algorithm: algorithm, layer: layer)
        let units = Double(inputChannels) * reduction
        guard reduction >= 0, units < Double(OptionLimits.channels) else {
            throw .invalidOption(
                layer: layer, option: "reduction",
                expected: "a number of at least 0, with fewer than \(OptionLimits.channels) units",
                found: "\(reduction)")
        }
        self.experts = experts
        weight = try Parameter(
            uniform: [experts] + geometry.weightShape, fanIn: geometry.fanIn, seed: seed,
            layer: layer)
        attention = try ODConvAttention(
            geometry: geometry, hidden: max(Int(units), minimumHidden), experts: experts,
            temperature: temperature, seed: seed &+ 1)
        plans = Conv2dPlanCache(weight: weight, bias: nil, experts: experts, geometry: geometry)
    }

    /// Nil: the reference has no bias.
    var bias: Parameter? { nil }

    /// `weight`.
    public var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

    /// `attention`.
    public var submodules: [NamedModule] { [NamedModule("attention", attention)] }

    /// `weight`.
    public var initialWeights: [InitialWeight] {
        [InitialWeight("weight", weight, fanIn: geometry.fanIn)]
    }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// An activation and a residual; the gate is the attention over output channels.
    public var epilogueParts: EpilogueParts {
        attention.hasOutputs ? [.activation, .residual] : .all
    }

    /// The convolution of each sample with its own kernel.
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
        let factors = try attention(x)
        return try traced(
            "ODConv2d", path: label, input: x,
            cost: { cost(input: x, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            let one = try Tensor(repeating: 1, shape: [x.shape[0], 1])
            let mixture = ExpertMixture(
                routing: factors.experts ?? one, taps: factors.taps, inputs: factors.inputs)
            var epilogue = epilogue
            if let outputs = factors.outputs { epilogue.gate = outputs }
            return try Operations.conv2d(
                x, plans, mixture: mixture, epilogue: epilogue, layer: place)
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let mixing = input.shape[0] * (weight.count + weight.count / experts)
        return Cost(
            multiplyAdds: output.count * (geometry.fanIn + 1) + mixing, parameters: weight.count,
            bytes: (input.count + output.count + weight.count) * MemoryLayout<Float>.stride)
    }
}
