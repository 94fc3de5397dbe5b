/// A layer that holds a ``DeformablePack``; the two such layers differ in what is predicted.
protocol HoldsDeformablePack: SamplesPredictedPositions {
    var pack: DeformablePack { get }
}

extension HoldsDeformablePack {
    var sampledWeight: NamedParameter { NamedParameter("weight", pack.convolution.weight) }

    /// The convolution and `norm` as one kernel.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
        try FoldedDeformablePack(self, norm)
    }

    /// The output for `x`; with `folded`, `norm` is folded into the weights.
    func run(
        _ x: Tensor, folded: DeformableWeights? = nil, norm: (any FoldableNorm)? = nil,
        epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try pack(
            x, folded: folded, norm: norm, epilogue: epilogue, place: place, label: label)
    }
}

/// A layer around a ``DeformablePack`` with the norm after it folded in.
struct FoldedDeformablePack: EpilogueKernel {
    private let layer: any HoldsDeformablePack
    private let norm: any FoldableNorm
    private let weights = DeformableWeights()

    init(_ layer: any HoldsDeformablePack, _ norm: any FoldableNorm) throws(ProteanError) {
        try norm.check(follows: layer.pack.convolution.geometry, layer: layer.typeName)
        self.layer = layer
        self.norm = norm
    }

    var epilogueParts: EpilogueParts { [.activation, .residual] }

    func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try layer.run(x, folded: weights, norm: norm, epilogue: epilogue)
    }
}

/// Shared by layers that predict their own displacements: the deformable convolution, and a
/// convolution of the same kernel size, stride, padding and dilation that predicts its sampling
/// positions.
///
/// The prediction is initially zero, as in the reference.
struct DeformablePack: Sendable {
    let convolution: DeformableConv2d
    let prediction: Conv2d
    let offsetGroups: Int
    let modulated: Bool
    private let packed = DeformableWeights()

    /// Options are those of ``DeformableConv2d``; `layer` names the caller in errors.
    init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d,
        padding: Padding2d, dilation: Size2d, groups: Int, offsetGroups: Int, bias: Bool,
        modulated: Bool, seed: UInt64, layer: String
    ) throws(ProteanError) {
        try checkChannels(inputChannels, "inputChannels", layer: layer)
        guard offsetGroups >= 1, inputChannels % offsetGroups == 0 else {
            throw .invalidOption(
                layer: layer, option: "offsetGroups",
                expected: "a divisor of inputChannels = \(inputChannels)", found: "\(offsetGroups)")
        }
        convolution = try DeformableConv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
            seed: seed)
        let channels = try SampledKernel.predicted(
            taps: kernelSize, numbers: offsetGroups * (modulated ? 3 : 2), layer: layer)
        prediction = try Conv2d.zeros(
            from: inputChannels, to: channels, kernelSize: kernelSize, stride: stride,
            padding: padding, dilation: dilation)
        self.offsetGroups = offsetGroups
        self.modulated = modulated
    }

    /// The output for `x`; `norm` is folded into the weights.
    func callAsFunction(
        _ x: Tensor, folded: DeformableWeights? = nil, norm: (any FoldableNorm)? = nil,
        epilogue: Conv2dEpilogue, place: String, label: Label?
    ) throws(ProteanError) -> Tensor {
        let predicted = try prediction(x)
        return try convolution.run(
            x, at: Displacements(offset: predicted, fused: modulated), folded: folded ?? packed,
            norm: norm, epilogue: epilogue, place: place, label: label)
    }
}

extension KeyMap {
    /// Older names of a deformable layer's own offset convolution as ``DeformableConv2dPack`` and
    /// ``ModulatedDeformableConv2d`` have it, `conv_offset`: mmcv before version 2 kept it beside
    /// the layer, `conv2_offset.weight` for the layer `conv2`; the first DCNv2 called it
    /// `conv_offset_mask`; modules around torchvision's operator often say `offset_conv`.
    public static let deformable = KeyMap { key in
        var parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2 else { return key }
        let holder = parts[parts.count - 2]
        if holder == "conv_offset_mask" || holder == "offset_conv" {
            parts[parts.count - 2] = "conv_offset"
        } else if holder.hasSuffix("_offset"), holder != "conv_offset" {
            parts[parts.count - 2] = String(holder.dropLast("_offset".count))
            parts.insert("conv_offset", at: parts.count - 1)
        }
        return parts.joined(separator: ".")
    }
}
