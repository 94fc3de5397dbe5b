/// Deformable convolution of the first version with predicted offsets: a convolution of the same
/// kernel size, stride, padding and dilation computes the displacements.
///
/// `y = deformable(x, offset: conv_offset(x))`; see ``DeformableConv2d``.
///
/// Dai et al., "Deformable Convolutional Networks", arXiv 1703.06211; names and shapes as mmcv's
/// `DeformConv2dPack`, which has no bias. Input and output as for ``Conv2d``. Parameters: `weight`
/// `[out, in / groups, height, width]`, `bias` `[out]` if there is one, `conv_offset.weight`
/// `[2 · offsetGroups · taps, in, height, width]` and `conv_offset.bias`. See ``KeyMap/deformable``
/// for files with older names.
///
/// The prediction starts at zero: a new layer is a ``Conv2d``. Cost: that of ``DeformableConv2d``
/// and of the prediction.
public final class DeformableConv2dPack: FoldsNorm, HoldsDeformablePack {
    let pack: DeformablePack
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A layer with seeded weights and a prediction of zeros.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, offsetGroups: Int = 1,
        bias: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        pack = try DeformablePack(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            offsetGroups: offsetGroups, bias: bias, modulated: false, seed: seed,
            layer: "DeformableConv2dPack")
    }

    /// Channels, kernel size, stride, padding, dilation and groups.
    public var geometry: Conv2dGeometry { pack.convolution.geometry }
    /// Groups of channels that share displacements.
    public var offsetGroups: Int { pack.offsetGroups }
    /// The convolution that predicts displacements.
    public var offsetConvolution: Conv2d { pack.prediction }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { pack.convolution.parameters }

    /// All parts; a gate only if there is no bias, which would be added after it.
    public var epilogueParts: EpilogueParts { pack.convolution.epilogueParts }

    /// `conv_offset`.
    public var submodules: [NamedModule] { [NamedModule("conv_offset", pack.prediction)] }

    /// The convolution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, epilogue: Conv2dEpilogue())
    }

    /// The convolution of `x`, with an epilogue applied to the sums before they are stored.
    ///
    /// - Throws: ``ProteanError`` when `x`, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try run(x, epilogue: epilogue)
    }
}
