/// Submanifold convolution in two dimensions: active pixels stay active, others are zero throughout.
///
/// `y = mask ⊙ conv(mask ⊙ x)` with the same mask before and after, stride 1 and a kernel that is
/// centred on each pixel. Graham, Engelcke, van der Maaten, "3D Semantic Segmentation with
/// Submanifold Sparse Convolutional Networks", arXiv 1711.10275. The number of active pixels does
/// not grow from layer to layer, so layers run on compact rows one after the other.
///
/// Input a map `[batch, height, width, inputChannels]`, or rows `[active pixels, inputChannels]` in
/// the mask's order. Parameters `weight` `[out, in / groups, height, width]` and `bias` `[out]` as
/// in ``Conv2d``. Cost: active pixels · out · in / groups · kernel area multiply-adds.
public final class SubmanifoldConv2d: Module {
    /// The dense convolution with the same parameters.
    public let conv: Conv2d
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let fused: FusedMaskedConv2d

    /// A layer with seeded initial values, uniform in ±1/√(inputs per output).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option,
    ///   also for a kernel of even size, which has no centre.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d = 3, dilation: Size2d = 1,
        groups: Int = 1, bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        guard kernelSize.height % 2 == 1, kernelSize.width % 2 == 1 else {
            throw .invalidOption(
                layer: "SubmanifoldConv2d", option: "kernelSize", expected: "odd sizes",
                found: kernelSize.description)
        }
        try dilation.check(atLeast: 1, layer: "SubmanifoldConv2d", option: "dilation")
        let height = (kernelSize.height / 2).multipliedReportingOverflow(by: dilation.height)
        let width = (kernelSize.width / 2).multipliedReportingOverflow(by: dilation.width)
        guard !height.overflow, !width.overflow else {
            throw .sizeOverflow(layer: "SubmanifoldConv2d", what: "the padding")
        }
        conv = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            padding: .symmetric(height: height.partialValue, width: width.partialValue),
            dilation: dilation, groups: groups, bias: bias, seed: seed)
        fused = try FusedMaskedConv2d(conv, algorithm: .direct)
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { conv.parameters }

    /// The result as a map, zeros where the mask is off. The values of `x` at inactive pixels are
    /// not read.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit.
    public func callAsFunction(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        try fused(x, from: .activeMap(mask), mask: mask)
    }

    /// The result as compact rows, from compact rows.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func rows(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        try fused.rows(x, from: .rows(mask), mask: mask)
    }
}
