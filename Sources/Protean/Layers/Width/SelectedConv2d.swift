/// A convolution of which every row of a batch computes channels of its own choice.
///
/// `y[n, :, :, k] = activation(gate[n, k] · Σ_{c ∈ inputs[n]} conv(x[n, :, :, c], weight[k, c]) + bias[k] +
/// residual)` for k in `outputs[n]`, and 0 for other channels. What is not chosen is not computed (up to a
/// vector's width), and each row has the bits of a call on it alone, which are those of the whole layer
/// with zeros in the input channels that are not chosen (finite values).
///
/// Input `[batch, height, width, inputChannels]`, result `[batch, height', width', outputChannels]`;
/// parameters `weight` and `bias` as in ``Conv2d``. For layers that choose channels by their input: feature
/// boosting and suppression (Gao et al., arXiv 1810.05331), mixtures of channels (DeepMoE, Wang et al.,
/// arXiv 1806.01531), filter gates (GaterNet, Chen et al., arXiv 1811.11205). Cost: per row
/// height' · width' · |outputs| · |inputs| · kernel area multiply-adds, and copying the chosen
/// channels of the row and of the weights.
public final class SelectedConv2d: Layer, HasInitialWeights {
    let conv: Conv2d
    let plans: Conv2dPlanCache
    /// How chosen channels are computed.
    public let way: SelectedConv2dWay
    /// Where the layer stands in a model.
    public var label: Label? { conv.label }

    /// Shares the weights of `conv`, with `norm`, if there is one, folded into them.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's
    ///   channels are not the convolution's.
    public init(
        _ conv: Conv2d, _ norm: (any FoldableNorm)? = nil, way: SelectedConv2dWay = .automatic
    ) throws(ProteanError) {
        try norm?.check(follows: conv.geometry, layer: "SelectedConv2d")
        self.conv = conv
        self.way = way
        plans = Conv2dPlanCache(
            weight: conv.weight, bias: conv.bias, norm: norm, geometry: conv.geometry)
    }

    /// A convolution with seeded initial values; options as for ``Conv2d``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public convenience init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = true,
        algorithm: Conv2dAlgorithm = .automatic, way: SelectedConv2dWay = .automatic,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        try self.init(
            try Conv2d(
                inputChannels: inputChannels, outputChannels: outputChannels,
                kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation,
                groups: groups, bias: bias, algorithm: algorithm, seed: seed), way: way)
    }

    /// Channels, kernel size, stride, padding, dilation and groups.
    public var geometry: Conv2dGeometry { conv.geometry }
    /// `[outputChannels, inputChannels / groups, height, width]`.
    public var weight: Parameter { conv.weight }
    /// `[outputChannels]`, or nil.
    public var bias: Parameter? { conv.bias }
    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { conv.parameters }
    /// `weight`.
    public var initialWeights: [InitialWeight] { conv.initialWeights }
    /// From all input channels to all output channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// All channels of all rows.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, inputs: nil, outputs: nil)
    }

    /// The chosen channels of every row.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, inputChannels]`.
    ///   - inputs: the input channels of each row that are read, others count as 0; nil for all.
    ///   - outputs: the output channels of each row that are computed, others become 0; nil for
    ///     all.
    ///   - epilogue: operations applied to the sums of chosen channels before they are stored.
    /// - Returns: `[batch, height', width', outputChannels]`.
    /// - Throws: ``ProteanError`` when a tensor or a plan does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, inputs: ChannelPlan? = nil, outputs: ChannelPlan?,
        epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try traced(
            "SelectedConv2d", path: label, input: x,
            cost: { cost(input: x, output: $0, inputs, outputs) }
        ) { () throws(ProteanError) in
            guard inputs != nil || outputs != nil else {
                return try Operations.conv2d(x, plans, epilogue: epilogue, layer: place)
            }
            return try Operations.selectedConv2d(
                x, plans: plans, inputs: inputs, outputs: outputs, way: way, epilogue: epilogue,
                layer: place)
        }
    }

    /// Multiply-adds of the chosen channels of each row, for an input of shape `[batch, height, width,
    /// inputChannels]`.
    ///
    /// - Throws: ``ProteanError`` when the shape or a plan does not fit.
    public func multiplyAdds(
        for input: [Int], inputs: ChannelPlan?, outputs: ChannelPlan?
    ) throws(ProteanError) -> [Int] {
        let output = try geometry.plan(for: input, layer: place).outputShape
        try inputs?.check(
            batch: output[0], channels: geometry.inputChannels, "inputs", layer: place)
        try outputs?.check(
            batch: output[0], channels: geometry.outputChannels, "outputs", layer: place)
        return products(output, inputs, outputs)
    }

    /// Per row: pixels · kernel area · pairs of a chosen output and a chosen input of its group.
    private func products(
        _ output: [Int], _ inputs: ChannelPlan?, _ outputs: ChannelPlan?
    ) -> [Int] {
        let pixels = output[1] * output[2],
            area = geometry.kernelSize.height * geometry.kernelSize.width
        let groups = geometry.groups
        let inEach = geometry.inputChannels / groups, outEach = geometry.outputChannels / groups
        return (0..<output[0]).map { row in
            if groups == 1 {
                let pairs =
                    (inputs?.count(of: row) ?? inEach) * (outputs?.count(of: row) ?? outEach)
                return pixels * area * pairs
            }
            var chosen = [Int](repeating: inputs == nil ? inEach : 0, count: groups)
            for channel in inputs?.channels(of: row) ?? [] { chosen[channel / inEach] += 1 }
            let listed = outputs?.channels(of: row) ?? Array(0..<geometry.outputChannels)
            return pixels * area * listed.reduce(0) { $0 + chosen[$1 / outEach] }
        }
    }

    private func cost(
        input: Tensor, output: Tensor, _ inputs: ChannelPlan?, _ outputs: ChannelPlan?
    ) -> Cost {
        var cost = conv.cost(input: input, output: output).folding(plans.norm)
        cost.executedMultiplyAdds = products(output.shape, inputs, outputs).reduce(0, +)
        return cost
    }
}
