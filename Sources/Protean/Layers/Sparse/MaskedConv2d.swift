/// A convolution that is computed only at the active pixels of a mask.
///
/// `y = mask ⊙ conv(x)`: active outputs are those of ``Conv2d`` with the same weights, bit for bit
/// where both use the same algorithm (except for groups narrower than a vector, whose sums
/// ``Conv2d`` may add in another order); other outputs are zero, copied from another map, or left
/// as they are. Time falls with the number of active pixels. The mask is a ``MaskPlan`` of the
/// *output's* size, as in DynConv (Verelst, Tuytelaars, arXiv 1912.03203).
///
/// Input `[batch, height, width, inputChannels]`, or compact rows; see ``MaskedInput``. Parameters
/// `weight` and `bias` as in ``Conv2d``. In a container that passes the mask as a tensor
/// (``MultiInputSequential``, ``SelfConditioned``) the norm and the activation after the layer are
/// also computed only at the active pixels, and other pixels stay 0; see ``FusedMaskedConv2d``.
/// Cost: active pixels · out · in / groups · kernel area multiply-adds, fewer where Winograd's
/// algorithm runs on the tiles that hold an active pixel. The algorithm is chosen for each mask by
/// estimated time; see ``plan(for:mask:)``.
public final class MaskedConv2d: MultiInputLayer {
    /// The dense convolution with the same parameters.
    public let conv: Conv2d
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let fused: FusedMaskedConv2d

    /// A layer with seeded initial values, uniform in ±1/√(inputs per output).
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public convenience init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1, bias: Bool = true,
        algorithm: MaskedConv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        try self.init(
            try Conv2d(
                inputChannels: inputChannels, outputChannels: outputChannels,
                kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation,
                groups: groups, bias: bias, seed: seed),
            algorithm: algorithm)
    }

    /// The masked form of a convolution, with the same parameters.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when Winograd's
    ///   algorithm is requested and does not apply.
    public init(
        _ conv: Conv2d, algorithm: MaskedConv2dAlgorithm = .automatic
    ) throws(ProteanError) {
        self.conv = conv
        fused = try FusedMaskedConv2d(conv, algorithm: algorithm)
    }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { conv.parameters }

    /// `mask`.
    public var inputNames: [String] { ["mask"] }

    /// The convolution's channels.
    public var channelFlow: ChannelFlow { conv.channelFlow }

    /// An activation, applied to the active pixels.
    public var epilogueParts: EpilogueParts { .activation }

    /// The convolution where the mask `inputs[0]`, `[batch, height', width']` with or without a
    /// last axis of size 1, is not 0; zeros elsewhere.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit, is missing or carries no values.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try Self.run(fused, x, inputs[0], epilogue, layer: place)
    }

    /// The convolution and `norm` at active pixels as one kernel.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(
        _ norm: any FoldableNorm
    ) throws(ProteanError) -> (any MultiInputKernel)? {
        Folded(layer: self, fused: try FusedMaskedConv2d(conv, norm, algorithm: fused.algorithm))
    }

    /// The layer with a norm folded in.
    private struct Folded: MultiInputKernel {
        let layer: MaskedConv2d
        let fused: FusedMaskedConv2d

        var epilogueParts: EpilogueParts { .activation }

        func callAsFunction(
            _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            try layer.check(inputs: inputs.count)
            return try MaskedConv2d.run(fused, x, inputs[0], epilogue, layer: layer.place)
        }
    }

    private static func run(
        _ fused: FusedMaskedConv2d, _ x: Tensor, _ mask: Tensor, _ epilogue: Conv2dEpilogue,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let plan = try MaskPlan(mask)
        guard epilogue.parts.isSubset(of: .activation) else {
            let y = try fused(x, mask: plan)
            return try epilogue.applied(to: y, layer: layer)
        }
        return try fused.ending(in: epilogue.activation)(x, mask: plan)
    }

    /// The plan for computing the active outputs of `mask` from an input of shape
    /// `[batch, height, width, inputChannels]`.
    ///
    /// - Throws: ``ProteanError`` when shapes do not fit.
    public func plan(
        for inputShape: [Int], mask: MaskPlan
    ) throws(ProteanError) -> MaskedConv2dPlan {
        try fused.plan(for: inputShape, mask: mask)
    }

    /// The convolution where `mask` is active, `inactive` elsewhere.
    ///
    /// - Parameters:
    ///   - x: a map, or rows if `input` says so.
    ///   - input: the layout of `x` in memory.
    ///   - mask: the outputs to compute, of the output's size.
    ///   - inactive: the values of the other outputs.
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func callAsFunction(
        _ x: Tensor, from input: MaskedInput = .map, mask: MaskPlan,
        inactive: InactiveOutputs = .zeros
    ) throws(ProteanError) -> Tensor {
        try fused(x, from: input, mask: mask, inactive: inactive)
    }

    /// The active outputs as compact rows `[active pixels, outputChannels]` in the mask's order.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func rows(
        _ x: Tensor, from input: MaskedInput = .map, mask: MaskPlan
    ) throws(ProteanError) -> Tensor {
        try fused.rows(x, from: input, mask: mask)
    }

    /// Writes the active outputs into `y`, such as the last frame's result. Other pixels stay as
    /// they are; with `previous`, the mask of the last frame, pixels that are active only in it
    /// become 0.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func update(
        _ y: inout Tensor, with x: Tensor, from input: MaskedInput = .map, mask: MaskPlan,
        previous: MaskPlan? = nil
    ) throws(ProteanError) {
        try fused.update(&y, with: x, from: input, mask: mask, previous: previous)
    }
}
