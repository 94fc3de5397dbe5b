/// DynConv's basic block: two 3 × 3 convolutions that are computed where the block's own mask says
/// so.
///
/// `y = relu(identity + mask ⊙ bn2(conv2(relu(bn1(conv1(x))))))`; the first convolution strides.
/// Verelst, Tuytelaars, arXiv 1912.03203, in inference. `conv1` is computed at the pixels that
/// `conv2` reads, its rows stay compact, and `conv2` adds into the residual in place.
///
/// Input `[batch, height, width, inputChannels]`, output `planes` channels. Parameters under the
/// reference's names: `conv1`, `bn1`, `conv2`, `bn2`, `downsample.0`, `downsample.1` if the block
/// has a downsample, `masker` (``DynConvMaskUnit``). Cost: masker and downsample on all pixels,
/// `conv1` on the mask's neighbourhood, `conv2` on the mask.
public final class DynConvBasicBlock: Layer {
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// Decides where to compute.
    public let masker: DynConvMaskUnit
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    private let steps: DynConvSteps

    /// A block with seeded initial values; see ``DynConvBottleneck`` for the options.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, planes: Int, stride: Int = 1, downsample: Bool = false,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let residual = try MaskedResidual.basic(
            "DynConvBasicBlock", inputChannels: inputChannels, planes: planes, stride: stride,
            downsample: downsample, seed: seed)
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

    /// As ``DynConvBottleneck/update(_:mask:)``.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit, or the shortcut changes `x`.
    public func update(_ x: inout Tensor, mask: MaskPlan) throws(ProteanError) {
        try steps.update(&x, mask: mask, layer: place)
    }
}
