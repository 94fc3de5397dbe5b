/// DynConv's inverted residual: expansion, depthwise 3 × 3 and projection where the block's own mask
/// says so.
///
/// `y = x + mask ⊙ bn(conv(relu6(bn(depthwise(relu6(bn(conv(x))))))))`. Verelst, Tuytelaars, arXiv
/// 1912.03203, the block of its pose network, in inference. The expansion is computed at the pixels
/// that the depthwise convolution reads and stored at their positions in a map, since the depthwise
/// convolution computes runs of neighbouring pixels; after it rows are compact.
///
/// Input and output `[batch, height, width, channels]`. Parameters under the reference's names:
/// `conv.0`, `conv.1` (expansion and its batch norm), `conv.3`, `conv.4`, `conv.6`, `conv.7`,
/// `masker` (``DynConvMaskUnit``, pointwise). Cost: the masker on all pixels, the expansion on the
/// mask's neighbourhood, the rest on the mask.
public final class DynConvInvertedResidual: Layer {
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// Decides where to compute.
    public let masker: DynConvMaskUnit
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    private let expand, depthwise, project: FusedMaskedConv2d
    private let hidden: Int

    /// A block with seeded initial values. `expandRatio` is the number of hidden channels over the
    /// number of channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, expandRatio: Double = 6, maskUnit: DynConvMaskUnit.Kind = .pointwise,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "DynConvInvertedResidual")
        let width = (Double(channels) * expandRatio).rounded(.toNearestOrEven)
        guard expandRatio > 0, expandRatio != 1, width >= 1,
            width <= Double(OptionLimits.channels)
        else {
            throw .invalidOption(
                layer: "DynConvInvertedResidual", option: "expandRatio",
                expected: "a positive number but 1, for at most \(OptionLimits.channels) channels",
                found: "\(expandRatio)")
        }
        hidden = Int(width)
        let convs = [
            try Conv2d(
                inputChannels: channels, outputChannels: hidden, kernelSize: 1, bias: false,
                seed: seed),
            try Conv2d(
                inputChannels: hidden, outputChannels: hidden, kernelSize: 3, padding: 1,
                groups: hidden, bias: false, seed: seed &+ 1),
            try Conv2d(
                inputChannels: hidden, outputChannels: channels, kernelSize: 1, bias: false,
                seed: seed &+ 2),
        ]
        let norms = [
            try BatchNorm2d(channels: hidden), try BatchNorm2d(channels: hidden),
            try BatchNorm2d(channels: channels),
        ]
        masker = try DynConvMaskUnit(channels: channels, kind: maskUnit, seed: seed &+ 3)
        submodules = [
            NamedModule("conv.0", convs[0]), NamedModule("conv.1", norms[0]),
            NamedModule("conv.3", convs[1]), NamedModule("conv.4", norms[1]),
            NamedModule("conv.6", convs[2]), NamedModule("conv.7", norms[2]),
            NamedModule("masker", masker),
        ]
        expand = try FusedMaskedConv2d(convs[0], norms[0], .relu6, algorithm: .direct)
        depthwise = try FusedMaskedConv2d(convs[1], norms[1], .relu6, algorithm: .direct)
        project = try FusedMaskedConv2d(convs[2], norms[2], .identity)
    }

    /// The block's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, mask: try masker(x))
    }

    /// The block's result for a mask of the input's size.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit.
    public func callAsFunction(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        var y = x
        try update(&y, mask: mask)
        return y
    }

    /// The result with a residual at all pixels, by the dense convolutions: the reference for
    /// measuring what the mask saves. The masker does not run. Equal to the result for a mask of
    /// all pixels, bit for bit where convolutions are computed directly.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func dense(_ x: Tensor) throws(ProteanError) -> Tensor {
        try project.dense(try depthwise.dense(try expand.dense(x)), residual: x)
    }

    /// Replaces `x` by the block's result, writing active pixels only.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit.
    public func update(_ x: inout Tensor, mask: MaskPlan) throws(ProteanError) {
        guard x.rank == 4 else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, height, width, channels]",
                found: x.shape)
        }
        let size = Size2d(height: x.shape[1], width: x.shape[2])
        let reach = try mask.dilated(for: depthwise.conv.geometry, input: size)
        let shape = Array(x.shape.dropLast()) + [hidden]
        // The pixels that stay undefined are never read.
        var map =
            x.isShapeOnly
            ? try Tensor(shapeOnly: shape) : try Tensor(uninitialized: shape, for: place)
        try expand.update(&map, with: x, mask: reach)
        let rows = try depthwise.rows(map, mask: mask)
        try project.update(&x, with: rows, from: .rows(mask), mask: mask, addsToResult: true)
    }
}
