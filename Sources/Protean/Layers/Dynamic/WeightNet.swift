/// A convolution whose kernel is generated from an attention vector by two small layers.
///
/// `a = sigmoid(wn_fc1(v))`, `W = wn_fc2(a)`, `y[n] = conv(x[n], W[n])`, where v is the reduced mean of a
/// block's input (``WeightNetReduction``), shared by the block's convolutions, and `wn_fc2` is a
/// grouped linear layer. Ma, Zhang, Huang, Sun, "WeightNet: Revisiting the Design Space of Weight
/// Networks", arXiv 2007.11823. There is no bias; padding is half of the kernel.
///
/// - Dense: M · outputChannels sigmoids, G groups per output channel, so that each of the G parts of a
///   flattened filter `(c, i, j)` is a sum of M / G static filters, each times one sigmoid.
/// - Depthwise: M / G sigmoids per channel, one group per channel.
///
/// With M = G, the reference's setting, a kernel is never built: the convolution of a part is a
/// static one times a factor per sample and channel,
/// `y = Σ_h a[o · G + h] · conv_h(x)`, summed as the results are stored. That is exact, costs the
/// static convolution, may run as Winograd's, and shares the weights of a batch. Otherwise kernels are
/// generated per sample.
///
/// Inputs `[batch, height, width, inputChannels]` and `a` `[batch, attentionChannels]`; output
/// `[batch, height', width', outputChannels]`. Parameters: `wn_fc1.weight`
/// `[sigmoids, attentionChannels, 1, 1]`, `wn_fc1.bias`, and `wn_fc2.weight`
/// `[out · in · kernel area, M / G, 1, 1]`. Sigmoids of ½ give half of the static convolution. Cost:
/// that convolution, attentionChannels · sigmoids, and for M > G also M / G multiply-adds per weight.
public final class WeightNet: MultiInputLayer {
    /// Channels, kernel size, stride and padding.
    public let geometry: Conv2dGeometry
    /// Channels of the attention vector.
    public let attentionChannels: Int
    /// M: the dense form has M sigmoids per output channel.
    public let expansion: Int
    /// G: parts of a filter, each with sigmoids of its own.
    public let parts: Int
    /// `[out · in · kernel area, M / G, 1, 1]`.
    public let weight: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let attention: Conv2d
    private let plans: WeightNetPlans

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output; nil for the depthwise form.
    ///   - kernelSize: side of the kernel.
    ///   - stride: step from one output to the next.
    ///   - attentionChannels: channels of the attention vector; nil for the reference's
    ///     max(16, inputChannels / 16).
    ///   - expansion: M, a multiple of `parts`.
    ///   - parts: G, a divisor of the weights per filter in the dense form.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int?, kernelSize: Int, stride: Int = 1,
        attentionChannels: Int? = nil, expansion: Int = 2, parts: Int = 2, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkOption(
            kernelSize, "kernelSize", in: 1...OptionLimits.length, layer: "WeightNet")
        try checkOption(stride, "stride", in: 1...OptionLimits.length, layer: "WeightNet")
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels ?? inputChannels,
            kernelSize: Size2d(kernelSize), stride: Size2d(stride),
            padding: .symmetric(kernelSize / 2), groups: outputChannels == nil ? inputChannels : 1,
            layer: "WeightNet")
        let isDepthwise = outputChannels == nil
        try Self.check(expansion, parts, filter: isDepthwise ? nil : geometry.fanIn)
        self.expansion = expansion
        self.parts = parts
        self.attentionChannels = attentionChannels ?? max(16, inputChannels / 16)
        try checkChannels(self.attentionChannels, "attentionChannels", layer: "WeightNet")
        let depth = expansion / parts
        let (sigmoids, overflow) = geometry.outputChannels.multipliedReportingOverflow(
            by: isDepthwise ? depth : expansion)
        guard !overflow else { throw .sizeOverflow(layer: "WeightNet", what: "the sigmoids") }
        try checkChannels(sigmoids, "expansion", layer: "WeightNet")
        attention = try Conv2d(
            inputChannels: self.attentionChannels, outputChannels: sigmoids, kernelSize: 1,
            seed: seed &+ 1)
        weight = try Parameter(
            uniform: [geometry.weightShape.reduce(1, *), depth, 1, 1], fanIn: geometry.fanIn,
            seed: seed, layer: "WeightNet")
        plans = WeightNetPlans(
            weight, geometry, parts: isDepthwise ? 1 : parts, depth: depth, norm: nil)
    }

    private static func check(
        _ expansion: Int, _ parts: Int, filter: Int?
    ) throws(ProteanError) {
        try checkOption(parts, "parts", in: 1...OptionLimits.channels, layer: "WeightNet")
        if let filter, filter % parts != 0 {
            throw .invalidOption(
                layer: "WeightNet", option: "parts",
                expected: "a divisor of the \(filter) weights of a filter", found: "\(parts)")
        }
        try checkOption(
            expansion, "expansion", in: 1...OptionLimits.channels, layer: "WeightNet")
        guard expansion % parts == 0 else {
            throw .invalidOption(
                layer: "WeightNet", option: "expansion", expected: "a multiple of \(parts)",
                found: "\(expansion)")
        }
    }

    /// `wn_fc1` and `wn_fc2.weight`.
    public var submodules: [NamedModule] {
        [
            NamedModule("wn_fc1", attention),
            NamedModule("wn_fc2", WeightHolder(weight: weight, fanIn: geometry.fanIn)),
        ]
    }

    /// `a`.
    public var inputNames: [String] { ["a"] }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// An activation and a residual.
    public var epilogueParts: EpilogueParts { [.activation, .residual] }

    /// The convolution of each sample with the kernel of its attention vector.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, inputChannels]`.
    ///   - attention: the reduced vector, `[batch, attentionChannels]`.
    ///   - epilogue: operations applied to the sums before they are stored; no gate.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, attention: Tensor, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try run(x, attention, plans, epilogue)
    }

    /// The convolution with the attention vector `inputs[0]`; see
    /// ``callAsFunction(_:attention:epilogue:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try run(x, inputs[0], plans, epilogue)
    }

    /// The layer and `norm` as one kernel: the norm is folded into the static filters.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(
        _ norm: any FoldableNorm
    ) throws(ProteanError) -> (any MultiInputKernel)? {
        try norm.check(follows: geometry, layer: "WeightNet")
        return Folded(layer: self, plans: plans.folding(norm))
    }

    /// The layer with a norm folded in.
    private struct Folded: MultiInputKernel {
        let layer: WeightNet
        let plans: WeightNetPlans

        var epilogueParts: EpilogueParts { layer.epilogueParts }

        func callAsFunction(
            _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            try layer.check(inputs: inputs.count)
            return try layer.run(x, inputs[0], plans, epilogue)
        }
    }

    /// The sigmoids of an attention vector, `[batch, sigmoids]`.
    private func sigmoids(_ vector: Tensor, batch: Int) throws(ProteanError) -> Tensor {
        guard vector.shape == [batch, attentionChannels] else {
            throw .shapeMismatch(
                layer: place, tensor: "a", expected: "[\(batch), \(attentionChannels)]",
                found: vector.shape)
        }
        let map = try vector.reshaped(to: [batch, 1, 1, attentionChannels])
        let y = try attention(map, epilogue: Conv2dEpilogue(activation: .sigmoid))
        return try y.reshaped(to: [batch, y.shape[3]])
    }

    private func run(
        _ x: Tensor, _ vector: Tensor, _ plans: WeightNetPlans, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: geometry.inputChannels, layer: place)
        guard epilogueParts.isSuperset(of: epilogue.parts), !epilogue.residualAfterActivation
        else {
            let y = try run(x, vector, plans, Conv2dEpilogue())
            return try epilogue.applied(to: y, layer: place)
        }
        let sigmoids = try sigmoids(vector, batch: x.shape[0])
        return try traced(
            "WeightNet", path: label, input: x,
            cost: { cost(input: x, output: $0).folding(plans.norm) }
        ) { () throws(ProteanError) in
            try plans(x, sigmoids, epilogue, layer: place)
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let generated = expansion == parts ? 0 : input.shape[0] * weight.count
        return Cost(
            multiplyAdds: output.count * geometry.fanIn + generated, parameters: weight.count,
            bytes: (input.count + output.count + weight.count) * MemoryLayout<Float>.stride)
    }
}

/// A parameter `weight` under a name of its own.
private struct WeightHolder: HasInitialWeights {
    let weight: Parameter
    let fanIn: Int

    var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }
    var initialWeights: [InitialWeight] { [InitialWeight("weight", weight, fanIn: fanIn)] }
}
