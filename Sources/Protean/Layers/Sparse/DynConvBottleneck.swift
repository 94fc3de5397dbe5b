/// DynConv's bottleneck: a residual block that computes where its own mask says so.
///
/// `y = relu(identity + mask ⊙ bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))))` with 1 × 1, 3 ×
/// 3 and 1 × 1 convolutions. Verelst, Tuytelaars, arXiv 1912.03203, in inference. `conv1` is
/// computed at the pixels that `conv2` reads for the active ones, rows stay compact between the
/// layers, and `conv3` adds into the residual in place: no unused pixel is computed and none is
/// copied. The result equals the dense formula bit for bit where that is computed directly.
///
/// Input `[batch, height, width, inputChannels]`, output `4 · planes` channels. Parameters under
/// the reference's names: `conv1` to `conv3`, `bn1` to `bn3`, `downsample.0`, `downsample.1` if the
/// block has a downsample, `masker` (``DynConvMaskUnit``). Cost: masker and downsample on all
/// pixels, `conv1` on the mask's neighbourhood, `conv2` and `conv3` on the mask.
public final class DynConvBottleneck: Layer {
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// Decides where to compute.
    public let masker: DynConvMaskUnit
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    private let steps: DynConvSteps

    /// A block with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - planes: width before scaling; there are `4 · planes` output channels.
    ///   - stride: of the 3 × 3 convolution, the mask and the shortcut.
    ///   - downsample: whether the shortcut has a 1 × 1 convolution and a batch norm; needed
    ///     where stride or channels change.
    ///   - groups: of the 3 × 3 convolution.
    ///   - baseWidth: inner channels are `planes · baseWidth / 64 · groups`.
    ///   - dilation: of the 3 × 3 convolution; its padding is the same.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, planes: Int, stride: Int = 1, downsample: Bool = false,
        groups: Int = 1, baseWidth: Int = 64, dilation: Int = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        let residual = try MaskedResidual.bottleneck(
            "DynConvBottleneck", inputChannels: inputChannels, planes: planes, stride: stride,
            downsample: downsample, groups: groups, baseWidth: baseWidth, dilation: dilation,
            seed: seed)
        masker = try DynConvMaskUnit(
            channels: inputChannels, stride: Size2d(stride), seed: seed &+ 3)
        submodules = residual.parts + [NamedModule("masker", masker)]
        steps = residual.steps
    }

    /// The block's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, mask: try masker(x))
    }

    /// The block's result for a mask of the output's size.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit.
    public func callAsFunction(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        try steps.run(x, mask: mask)
    }

    /// Replaces `x` by the block's result, writing active pixels only. Only for blocks without a
    /// downsample; `x` must be at least 0 everywhere, as the results of such blocks are.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit, or the shortcut changes `x`.
    public func update(_ x: inout Tensor, mask: MaskPlan) throws(ProteanError) {
        try steps.update(&x, mask: mask, layer: place)
    }
}
