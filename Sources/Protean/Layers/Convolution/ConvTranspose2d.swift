/// Transposed two-dimensional convolution; `torch.nn.ConvTranspose2d` on NHWC maps.
///
/// `y[n, oy, ox, k] = bias[k] + Σ x[n, iy, ix, c] · weight[c, k, i, j]` over all input pixels and
/// taps with `iy · stride + i · dilation = oy + padding`, and likewise along columns. It is the
/// same map as the gradient of a ``Conv2d`` with the same options with respect to its input.
/// Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285.
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`,
/// `height' = (height − 1) · stride − 2 · padding + dilation · (kernel − 1) + outputPadding + 1`.
/// Parameters: `weight` `[in, out / groups, height, width]` and `bias` `[out]`, as in PyTorch.
///
/// Outputs whose positions are equal modulo the stride read the same taps, so each of these stride²
/// phases is a small ordinary convolution whose results are written to their positions; zeros are
/// neither inserted nor multiplied. With stride 1 it is a ``Conv2d`` with mirrored taps. Weights
/// are packed on first use for the current instruction set. Cost: batch · height · width · in · out
/// / groups · kernel area multiply-adds.
public final class ConvTranspose2d: Layer, HasInitialWeights {
    /// Channels, kernel size, stride, padding, output padding, dilation and groups.
    public let geometry: ConvTranspose2dGeometry
    /// `[in, out / groups, height, width]`.
    public let weight: Parameter
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let kept: ConvTranspose2dParameters

    /// A transposed convolution with seeded initial values, uniform in ±1/√(out / groups · kernel area),
    /// as in PyTorch.
    ///
    /// Limits of the options are those of ``ConvTranspose2dGeometry``.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Size2d = 0, outputPadding: Size2d = 0, dilation: Size2d = 1, groups: Int = 1,
        bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        geometry = try ConvTranspose2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, outputPadding: outputPadding, dilation: dilation,
            groups: groups)
        let layer = "ConvTranspose2d", fan = geometry.fanOut
        weight = try Parameter(uniform: geometry.weightShape, fanIn: fan, seed: seed, layer: layer)
        self.bias =
            bias
            ? try Parameter(uniform: [outputChannels], fanIn: fan, seed: ~seed, layer: layer) : nil
        kept = ConvTranspose2dParameters(weight: weight, bias: self.bias, geometry: geometry)
    }

    /// A transposed convolution with the given weights `[in, out / groups, height, width]` and bias
    /// `[out]`.
    ///
    /// - Throws: ``ProteanError`` when shapes and options do not fit together.
    public init(
        weight: Tensor, bias: Tensor? = nil, stride: Size2d = 1, padding: Size2d = 0,
        outputPadding: Size2d = 0, dilation: Size2d = 1, groups: Int = 1
    ) throws(ProteanError) {
        geometry = try ConvTranspose2dGeometry(
            weight: weight, bias: bias, stride: stride, padding: padding,
            outputPadding: outputPadding, dilation: dilation, groups: groups,
            layer: "ConvTranspose2d")
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
        kept = ConvTranspose2dParameters(weight: self.weight, bias: self.bias, geometry: geometry)
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight)] + (bias.map { [NamedParameter("bias", $0)] } ?? [])
    }

    /// `weight`. An output reads the taps of one phase, the kernel's divided by the stride's area.
    public var initialWeights: [InitialWeight] {
        let taps = geometry.kernelSize.height * geometry.kernelSize.width
        let phases = geometry.stride.height * geometry.stride.width
        let inputs = geometry.inputChannels / geometry.groups
        return [InitialWeight("weight", weight, fanIn: max(1, inputs * taps / phases))]
    }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow {
        .fixed(input: geometry.inputChannels, output: geometry.outputChannels)
    }

    /// The transposed convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, outputSize: nil)
    }

    /// The transposed convolution of `x` with a result of the given size, and with an epilogue
    /// applied to the sums before they are stored.
    ///
    /// Several input sizes of a convolution with a stride lead to the same output size.
    /// `outputSize` selects one of them: any size from the one without output padding to stride − 1
    /// more.
    /// - Throws: ``ProteanError`` when `x`, the size, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, outputSize: Size2d?, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try run(x, kept, outputSize: outputSize, epilogue: epilogue)
    }

    func run(
        _ x: Tensor, _ parameters: ConvTranspose2dParameters, outputSize: Size2d?,
        epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try traced(
            "ConvTranspose2d", path: label, input: x,
            cost: { cost(input: x, output: $0).folding(parameters.norm) }
        ) { () throws(ProteanError) in
            try Operations.convTranspose2d(
                x, parameters, outputSize: outputSize, epilogue: epilogue, layer: place)
        }
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let parameters = weight.count + (bias?.count ?? 0)
        return Cost(
            multiplyAdds: geometry.multiplyAdds(for: input.shape), parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
