/// Dynamic convolution in decomposed form: a static convolution with a dynamic scale per output
/// channel, plus a dynamic product of low rank.
///
/// With v = head(x) from the pooled input and Hs(z) = relu6(z + 3) / 3, which lies in 0...2,
///
/// `y = Hs(fc_scale(v)) ⊙ conv(x) + p(norm₂(Φ(v) · u) + u)`, `u = norm₁(q(x))`,
///
/// where Φ(v) = fc_phi(v) is a square matrix per sample, and v = w · Hs(W · w) for w = fc.0(pooled x).
/// Li, Chen, Dai, Liu, Chen, Yu, Yuan, Liu, Chen, Vasconcelos, "Revisiting Dynamic Convolution via
/// Matrix Decomposition", arXiv 2103.08756. There is no bias. Three forms, see ``Variant``.
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`.
/// Parameters: `conv.weight`, `fc.0.weight` `[squeezed, pooled]`, `fc.1.fc.0.weight`
/// `[squeezed, squeezed]`, `fc_phi.weight` `[rank², squeezed]`, `fc_scale.weight` `[out, squeezed]`,
/// `bn1`, `bn2` of `rank` channels, and `conv_q.weight`, `conv_p.weight` (`q`, `p` in the forms of
/// ResNets).
///
/// norm₂ and the sum with u are folded into Φ, so that each sample takes one product with a square
/// matrix per pixel; the scale is applied as the convolution stores its results. Where `fc_phi` and
/// `fc_scale` are zero and norm₂ has no shift, y = conv(x) + p(u). Cost: the convolution, per pixel rank
/// · (inputChannels + rank + outputChannels), and the head.
public final class DynamicConvolutionDecomposition: FoldsNorm {
    /// Which of the reference's forms a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// `DYModule` of MobileNetV2: 1 × 1; pooled to 2 × 2 where channels grow, else to 1 × 1.
        case pointwise = "DYModule"
        /// `conv_basic_dy` of ResNet's basic block: 3 × 3, pooled to 2 × 2.
        case basic = "conv_basic_dy"
        /// `conv_dy` of ResNet's bottleneck: any kernel, pooled to 1 × 1.
        case bottleneck = "conv_dy"
    }

    /// The reference's form.
    public let variant: Variant
    /// Size of the square matrix.
    public let rank: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    private let head: DecompositionHead
    private let conv, project: Conv2d
    private let reduced: FusedConv2d
    private let inner: BatchNorm2d
    private let plans: DecompositionPlans

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - variant: the reference's form.
    ///   - kernelSize: side of the convolution's kernel, with ``Variant/bottleneck`` only; 1 and 3 with
    ///     the others.
    ///   - stride: step of the convolution; 1 with ``Variant/pointwise``.
    ///   - padding: zeros on all sides, with ``Variant/bottleneck`` only; nil for half of the kernel.
    ///   - reduction: pooled values over the squeezed width, with ``Variant/pointwise`` only; 16 with
    ///     the others.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, variant: Variant = .pointwise,
        kernelSize: Int? = nil, stride: Int = 1, padding: Int? = nil, reduction: Int = 8,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let sizes = try DecompositionSizes(
            inputChannels, outputChannels, variant, kernelSize, stride, padding, reduction)
        self.variant = variant
        rank = sizes.rank
        conv = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels,
            kernelSize: Size2d(sizes.kernel), stride: Size2d(stride),
            padding: .symmetric(sizes.padding), bias: false, seed: seed)
        let reduce = try Conv2d(
            inputChannels: inputChannels, outputChannels: rank, kernelSize: 1,
            stride: Size2d(stride), bias: false, seed: seed &+ 1)
        project = try Conv2d(
            inputChannels: rank, outputChannels: outputChannels, kernelSize: 1, bias: false,
            seed: seed &+ 2)
        let outer = try BatchNorm2d(channels: rank)
        inner = try BatchNorm2d(channels: rank)
        reduced = try FusedConv2d(reduce, outer)
        head = try DecompositionHead(sizes, inputChannels, outputChannels, seed: seed &+ 3)
        plans = DecompositionPlans(conv: conv, project: project, inner: inner, norm: nil)
        let first = [NamedModule("conv", conv)]
        let norms = [NamedModule("bn1", outer), NamedModule("bn2", inner)]
        submodules =
            variant == .pointwise
            ? first + [NamedModule("conv_q", reduce)] + head.parts
                + [NamedModule("conv_p", project)] + norms
            : first + [NamedModule("q", reduce), NamedModule("p", project)] + norms + head.parts
    }

    /// The convolution's channels.
    public var channelFlow: ChannelFlow { conv.channelFlow }

    /// An activation and a residual.
    public var epilogueParts: EpilogueParts { [.activation, .residual] }

    /// The layer's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try run(x, plans, Conv2dEpilogue())
    }

    /// The layer's result followed by an epilogue.
    ///
    /// - Throws: ``ProteanError`` when `x` or the epilogue does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try run(x, plans, epilogue)
    }

    /// The layer and `norm` as one kernel.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ.
    public func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
        try norm.check(follows: conv.geometry, layer: "DynamicConvolutionDecomposition")
        return Folded(
            layer: self,
            plans: DecompositionPlans(conv: conv, project: project, inner: inner, norm: norm))
    }

    /// The layer with a norm folded in.
    private struct Folded: EpilogueKernel {
        let layer: DynamicConvolutionDecomposition
        let plans: DecompositionPlans

        var epilogueParts: EpilogueParts { layer.epilogueParts }

        func callAsFunction(
            _ x: Tensor, epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor { try layer.run(x, plans, epilogue) }
    }

    private func run(
        _ x: Tensor, _ plans: DecompositionPlans, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(
            x.shape, channels: conv.geometry.inputChannels, pixels: true, layer: place)
        guard epilogueParts.isSuperset(of: epilogue.parts), !epilogue.residualAfterActivation
        else {
            return try epilogue.applied(to: run(x, plans, Conv2dEpilogue()), layer: place)
        }
        let (matrices, scales) = try head(x)
        let rows = try mixed(try reduced(x), by: matrices, plans)
        let residual = try project.run(
            rows, plans: try plans.projection(),
            epilogue: Conv2dEpilogue(residual: epilogue.residual))
        return try conv.run(
            x, plans: plans.main,
            epilogue: Conv2dEpilogue(
                activation: epilogue.activation, residual: residual, gate: scales))
    }

    /// norm₂(Φ · u) + u without norm₂'s shift, which the projection adds.
    private func mixed(
        _ map: Tensor, by matrices: Tensor, _ plans: DecompositionPlans
    ) throws(ProteanError) -> Tensor {
        let batch = map.shape[0]
        return try traced(
            "DynamicConvolutionDecomposition", path: label, input: map,
            cost: { .moving(map, $0).adding(multiplyAdds: $0.count * rank).folding(inner) }
        ) { () throws(ProteanError) in
            let square = try matrices.reshaped(to: [batch, rank, rank])
            let rows = try map.reshaped(to: [batch, map.shape[1] * map.shape[2], rank])
            let folded = try plans.square(square)
            return try Operations.matmul(rows, folded, transposeB: true)
                .reshaped(to: map.shape)
        }
    }
}

extension Cost {
    /// This cost with further multiply-adds.
    fileprivate func adding(multiplyAdds: Int) -> Cost { self + Cost(multiplyAdds: multiplyAdds) }
}
