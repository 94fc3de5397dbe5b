/// A convolution of which each call computes the first channels only: one set of weights for a network
/// of many widths.
///
/// With `in` channels in the input and `out` channels asked for, `y = activation(scale ·
/// conv(x, weight[0 ..< out, 0 ..< in]) + shift + residual)`, computed on the packed weights of the whole
/// layer: they are not copied, and a call costs what its channels cost. Results are bit for bit those
/// of the whole layer with zeros in the channels that are missing from the input (finite weights), so a
/// width does not depend on what other rows of a batch use. The algorithm is the whole layer's at every
/// width, since another one would round differently.
///
/// Input `[batch, height, width, in]`, result `[batch, height', width', out]`; `weight`
/// `[outputChannels, inputChannels / groups, height, width]` and `bias` `[outputChannels]` as in
/// ``Conv2d``. With groups a width consists of whole groups; a depthwise convolution computes as many
/// channels as its input has. A norm whose statistics belong to one width cannot be folded into
/// weights that widths share: it is passed as `scale` and `shift`, which the kernel applies
/// before it stores (slimmable networks, Yu et al., arXiv 1812.08928; DS-Net, Li et al., arXiv
/// 2103.13258). Cost: batch · height' · width' · out · in / groups · kernel area multiply-adds.
public final class SlicedConv2d: Layer, HasInitialWeights {
    /// The convolution of all channels, which owns the weights.
    let conv: Conv2d
    let plans: Conv2dPlanCache
    /// Where the layer stands in a model.
    public var label: Label? { conv.label }

    /// Shares the weights of `conv`.
    public init(_ conv: Conv2d) {
        self.conv = conv
        plans = Conv2dPlanCache(weight: conv.weight, bias: conv.bias, geometry: conv.geometry)
    }

    /// A convolution with seeded initial values; options as for ``Conv2d``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public convenience init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = true,
        algorithm: Conv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        self.init(
            try Conv2d(
                inputChannels: inputChannels, outputChannels: outputChannels,
                kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation,
                groups: groups, bias: bias, algorithm: algorithm, seed: seed))
    }

    /// Channels of the whole layer, kernel size, stride, padding, dilation and groups.
    public var geometry: Conv2dGeometry { conv.geometry }
    /// `[outputChannels, inputChannels / groups, height, width]`.
    public var weight: Parameter { conv.weight }
    /// `[outputChannels]`, or nil.
    public var bias: Parameter? { conv.bias }
    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { conv.parameters }
    /// `weight`.
    public var initialWeights: [InitialWeight] { conv.initialWeights }
    /// From the layer's input channels to all output channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// The channels `x` has, to all output channels; of groups, to the groups that `x` has.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let groups = geometry.groups
        var outputs = geometry.outputChannels
        if groups > 1, let channels = x.shape.last {
            outputs = channels / (geometry.inputChannels / groups) * (outputs / groups)
        }
        return try callAsFunction(x, outputChannels: outputs)
    }

    /// The first `outputChannels` channels from the first channels of the input, which are all that `x`
    /// has.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, in]` with at most the layer's input channels.
    ///   - outputChannels: number of output channels to compute.
    ///   - epilogue: operations applied to the sums before they are stored, of the result's shape.
    /// - Returns: `[batch, height', width', outputChannels]`.
    /// - Throws: ``ProteanError`` when a tensor or a number of channels does not fit.
    public func callAsFunction(
        _ x: Tensor, outputChannels: Int, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        let part = try part(of: x, outputChannels)
        return try traced(
            "SlicedConv2d", path: label, input: x, cost: { cost(input: x, output: $0) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(x, plans, part, epilogue: epilogue, layer: place)
        }
    }

    /// activation(scale · conv(x) + shift + residual) of the first `outputChannels` channels: a
    /// convolution and the norm of this width in one kernel.
    ///
    /// The layer's bias, if it has one, is added before the scale, as a norm after the layer sees it.
    /// - Parameters:
    ///   - x: `[batch, height, width, in]` with at most the layer's input channels.
    ///   - scale: `[outputChannels]`, whose length is the number of channels to compute.
    ///   - shift: `[outputChannels]`.
    ///   - activation: applied last.
    ///   - residual: a map of the result's shape, or nil.
    /// - Returns: `[batch, height', width', outputChannels]`.
    /// - Throws: ``ProteanError`` when a tensor or a number of channels does not fit.
    public func callAsFunction(
        _ x: Tensor, scale: Tensor, shift: Tensor, activation: Activation = .identity,
        residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        guard scale.rank == 1, shift.shape == scale.shape else {
            throw .shapeMismatch(
                layer: place, tensor: "shift", expected: "that of scale, \(scale.shape)",
                found: shift.shape)
        }
        let part = try part(of: x, scale.count)
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try traced(
            "SlicedConv2d", path: label, input: x, cost: { cost(input: x, output: $0) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, plans, part, scale: scale, shift: try shifted(shift, scale),
                epilogue: epilogue, layer: place)
        }
    }

    /// scale · bias + shift.
    private func shifted(_ shift: Tensor, _ scale: Tensor) throws(ProteanError) -> Tensor {
        guard let bias, !shift.isShapeOnly, !scale.isShapeOnly else { return shift }
        let old = try Tensor(Array(bias.value.elements.prefix(scale.count)), shape: scale.shape)
        let folded = try PackedConv2d.fold(
            bias: old, scale: scale, shift: shift, channels: scale.count)
        return folded ?? shift
    }

    /// The part that has the channels of `x` and `outputs` output channels.
    private func part(of x: Tensor, _ outputs: Int) throws(ProteanError) -> Conv2dPart {
        let inputs = x.shape.last ?? 0
        guard x.rank == 4, (1...geometry.inputChannels).contains(inputs) else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, height, width, 1...\(geometry.inputChannels)]", found: x.shape)
        }
        try checkOption(
            outputs, "outputChannels", in: 1...geometry.outputChannels, layer: place)
        if geometry.groups > 1 { try checkGroups(inputs, outputs) }
        return Conv2dPart(inputChannels: inputs, outputChannels: outputs)
    }

    private func checkGroups(_ inputs: Int, _ outputs: Int) throws(ProteanError) {
        let each = geometry.inputChannels / geometry.groups
        let wanted = inputs / each * (geometry.outputChannels / geometry.groups)
        guard inputs % each == 0 else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "whole groups of \(each) channels",
                found: [inputs])
        }
        guard outputs == wanted else {
            throw .invalidOption(
                layer: place, option: "outputChannels",
                expected: "\(wanted), for \(inputs / each) groups", found: "\(outputs)")
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let perGroup =
            geometry.groups > 1 ? geometry.inputChannels / geometry.groups : input.shape[3]
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let parameters = output.shape[3] * (perGroup * area + (bias == nil ? 0 : 1))
        return Cost(
            multiplyAdds: output.count * perGroup * area, parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
