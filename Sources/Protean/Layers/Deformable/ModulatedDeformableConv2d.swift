/// Deformable convolution of the second version with predicted offsets: a convolution of the same
/// kernel size, stride, padding and dilation computes displacements and modulation.
///
/// `p = conv_offset(x)`, `offset` = the first 2 · offsetGroups · taps channels of p, `mask` = the
/// sigmoid of the others, `y = deformable(x, offset, mask)`; see ``DeformableConv2d``.
///
/// Zhu, Hu, Lin, Dai, "Deformable ConvNets v2", arXiv 1811.11168; names and shapes as mmcv's
/// `ModulatedDeformConv2dPack`. Input and output as for ``Conv2d``. Parameters: `weight`
/// `[out, in / groups, height, width]`, `bias` `[out]`, `conv_offset.weight`
/// `[3 · offsetGroups · taps, in, height, width]` and `conv_offset.bias`. See
/// ``KeyMap/deformable`` for files with older names.
///
/// The prediction starts at zero, so that every mask is ½: a new layer gives half the result of a
/// ``Conv2d`` with its weights (without the bias). The sigmoid is computed together with the
/// sampling positions. Cost: that of ``DeformableConv2d`` and of the prediction.
public final class ModulatedDeformableConv2d: FoldsNorm, HoldsDeformablePack {
    let pack: DeformablePack
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A layer with seeded weights and a prediction of zeros.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, offsetGroups: Int = 1,
        bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        pack = try DeformablePack(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            offsetGroups: offsetGroups, bias: bias, modulated: true, seed: seed,
            layer: "ModulatedDeformableConv2d")
    }

    /// Channels, kernel size, stride, padding, dilation and groups.
    public var geometry: Conv2dGeometry { pack.convolution.geometry }
    /// Groups of channels that share displacements.
    public var offsetGroups: Int { pack.offsetGroups }
    /// The convolution that predicts displacements and modulation.
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

/// A ``ModulatedDeformableConv2d``, the batch norm after it and an activation, run as one kernel;
/// see ``FusedConv2d``.
public final class FusedModulatedDeformableConv2d: EpilogueKernel {
    private let kernel: any EpilogueKernel
    private let activation: Activation
    private let place: @Sendable () -> String

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's
    ///   channels are not the convolution's.
    public init(
        _ conv: ModulatedDeformableConv2d, _ norm: (any FoldableNorm)? = nil,
        _ activation: Activation = .identity
    ) throws(ProteanError) {
        kernel = if let norm { try conv.folding(norm) } else { conv }
        self.activation = activation
        place = { conv.place }
    }

    /// activation(norm(conv(x)) + residual).
    ///
    /// - Throws: ``ProteanError`` when `x` or `residual` do not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try kernel(x, epilogue: Conv2dEpilogue(activation: activation, residual: residual))
    }

    /// The parts that can follow norm and convolution, if it has no activation.
    public var epilogueParts: EpilogueParts {
        activation == .identity ? kernel.epilogueParts : []
    }

    /// norm(conv(x)) followed by this kernel's activation and by `epilogue`.
    ///
    /// - Throws: ``ProteanError`` when `x`, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place())
        }
        return epilogue.isEmpty ? try self(x) : try kernel(x, epilogue: epilogue)
    }
}
