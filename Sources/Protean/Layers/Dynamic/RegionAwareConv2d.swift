/// Region-aware convolution (DRConv): every pixel belongs to one of a few regions, and every region
/// of every sample has a kernel of its own.
///
/// `y[b, n] = Σ W_{b,r}[c, p] · x[b, n + p, c] + bias`, r = the region of pixel n. Chen, Wang, Guo,
/// Zhang, Sun, "Dynamic Region-Aware Convolution", arXiv 2003.12243, in two forms (``Variant``):
///
/// - `official` (megvii-research/DRConv): `W_{b,r} = Σ_w q[b, r, w] · weight[:, w]`,
///   `q = 2 · sigmoid(routing_fc(globalAveragePool(x))) / sets`. The regions are an input, the
///   *guide*: a map of region numbers or of logits, of which the largest decides (the first of equal
///   ones). With `masknet` the layer computes the logits itself by a 1 × 1 convolution of x.
/// - `generated` (shallowtoil/DRConv-PyTorch, as the paper's figure): kernels from x pooled to the
///   kernel's size by two 1 × 1 convolutions with a sigmoid between them, the second one with a group
///   per region; logits from a convolution `conv_guide` of the same options.
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`
/// as for ``Conv2d``; guide `[batch, h, w, 1]` or `[batch, h, w, regions]`, resampled by nearest
/// neighbours if h × w is not the output's size. Parameters (official): `weight`
/// `[out · in · height · width, sets]`, the bank's index last; `bias` `[out]`;
/// `routing_fc.weight` `[regions · sets, in]` and `.bias`; `masknet.weight` `[regions, in, 1, 1]`.
/// (generated) `conv_kernel.1.weight` `[regions², in, 1, 1]`, `conv_kernel.3.weight`
/// `[regions · out · in, regions, 1, 1]`, `conv_guide.weight` `[regions, in, height, width]`, and
/// their biases.
///
/// Pixels are listed by region once per guide (``RegionPlan``); each list runs through the direct
/// convolution's kernel with its region's packed weights, so each output is computed once, and a
/// region without pixels costs nothing. One region with one set and q = 1 equals a direct ``Conv2d``
/// bit for bit unless that has at most eight output channels. Cost: the convolution, and active
/// regions · sets · weights multiply-adds for mixing.
public final class RegionAwareConv2d: MultiInputLayer {
    /// The two references.
    public enum Variant: String, Sendable, CaseIterable {
        /// Kernels mixed from a bank, regions from a guide: megvii-research/DRConv.
        case official
        /// Kernels and regions generated from x: shallowtoil/DRConv-PyTorch.
        case generated
    }

    /// Channels, kernel size, stride, padding and dilation.
    public let geometry: Conv2dGeometry
    /// Number of regions.
    public let regions: Int
    /// Which reference.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let kernels: any RegionKernels
    private let guide: Conv2d?

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: of the convolution.
    ///   - stride: of the convolution.
    ///   - padding: of the convolution.
    ///   - dilation: of the convolution.
    ///   - regions: 1...65536.
    ///   - sets: kernels in the bank, 1...65536; of the official variant only.
    ///   - bias: whether there is a bias; of the official variant only, the other has none.
    ///   - masknet: whether the layer computes the guide's logits itself by `masknet`; of the
    ///     official variant only, the other always computes them.
    ///   - variant: which reference.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, regions: Int = 8, sets: Int = 8,
        bias: Bool = true, masknet: Bool = false, variant: Variant = .official, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "RegionAwareConv2d"
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, algorithm: .direct, layer: layer)
        try checkOption(regions, "regions", in: 1...OptionLimits.experts, layer: layer)
        self.regions = regions
        self.variant = variant
        switch variant {
        case .official:
            kernels = try MixedRegionKernels(
                geometry, regions: regions, sets: sets, bias: bias, seed: seed)
            guide =
                masknet
                ? try Conv2d(
                    inputChannels: inputChannels, outputChannels: regions, kernelSize: 1,
                    bias: false, seed: seed &+ 3) : nil
        case .generated:
            kernels = try GeneratedRegionKernels(geometry, regions: regions, seed: seed)
            guide = try Conv2d(
                inputChannels: inputChannels, outputChannels: regions, kernelSize: kernelSize,
                stride: stride, padding: padding, dilation: dilation, seed: seed &+ 3)
        }
    }

    /// `weight` and `bias` of the official variant.
    public var parameters: [NamedParameter] { kernels.parameters }

    /// `routing_fc` and `masknet`, or the layers of `conv_kernel` and `conv_guide`.
    public var submodules: [NamedModule] {
        let name = variant == .official ? "masknet" : "conv_guide"
        return kernels.submodules + (guide.map { [NamedModule(name, $0)] } ?? [])
    }

    /// `guide`.
    public var inputNames: [String] { ["guide"] }
    /// None if the layer computes the guide itself.
    public var requiredInputs: Int { guide == nil ? 1 : 0 }
    /// All parts; a gate only without a bias, which would be added after it.
    public var epilogueParts: EpilogueParts {
        kernels.bias == nil ? .all : [.activation, .residual]
    }
    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// The region of every output pixel, `[batch, height', width', 1]`, numbers from 0.
    ///
    /// - Parameters:
    ///   - x: the layer's input.
    ///   - guide: a map of region numbers or logits; nil if the layer computes it.
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func regions(of x: Tensor, guide: Tensor? = nil) throws(ProteanError) -> Tensor {
        let size = try geometry.outputSize(
            try geometry.kernelShape(for: x.shape, layer: place), layer: place)
        var given = guide
        if given == nil, let own = self.guide { given = try own(x) }
        guard let logits = given else {
            throw .invalidOption(
                layer: place, option: "guide", expected: "a map of regions", found: "none")
        }
        guard logits.rank == 4, logits.shape[0] == x.shape[0] else {
            throw .shapeMismatch(
                layer: place, tensor: "guide",
                expected: "[\(x.shape[0]), height, width, 1 or \(regions)]", found: logits.shape)
        }
        return try Operations.regionMap(logits, regions: regions, size: size, layer: place)
    }

    /// The convolution of `x` with the kernels of the guide's regions.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing, or a region map holds
    ///   another number than a region's.
    public func callAsFunction(_ x: Tensor, guide: Tensor? = nil) throws(ProteanError) -> Tensor {
        try run(x, try regions(of: x, guide: guide), Conv2dEpilogue())
    }

    /// As above with the plan of the output's regions, which several layers may share.
    ///
    /// - Throws: ``ProteanError`` when a tensor or the plan does not fit.
    public func callAsFunction(
        _ x: Tensor, regions plan: RegionPlan, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        guard plan.regions == regions else {
            throw .invalidOption(
                layer: place, option: "regions", expected: "a plan of \(regions) regions",
                found: "one of \(plan.regions)")
        }
        return try traced(
            "RegionAwareConv2d", path: label, input: x,
            cost: { cost(input: x, output: $0, active: plan.activeRegions) }
        ) { () throws(ProteanError) in
            let weights = try kernels.weights(x, layer: place)
            let y = try Operations.regionConv2d(
                x, regions: plan, weights: weights, bias: kernels.bias?.value, geometry: geometry,
                epilogue: epilogue, layer: place)
            try FilterRecord.note(path: place, input: x, output: y) { () throws(ProteanError) in
                .regions(try plan.map(), count: plan.regions)
            }
            return y
        }
    }

    /// The convolution with the guide `inputs[0]`, if it is given.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try run(x, try regions(of: x, guide: inputs.first), epilogue)
    }

    private func run(
        _ x: Tensor, _ map: Tensor, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard !x.isShapeOnly, !map.isShapeOnly else {
            return try traced(
                "RegionAwareConv2d", path: label, input: x,
                cost: { cost(input: x, output: $0, active: x.shape[0] * regions) }
            ) { () throws(ProteanError) in
                let output = Array(map.shape.dropLast()) + [geometry.outputChannels]
                try epilogue.check(output: output, layer: place)
                return try Tensor(shapeOnly: output)
            }
        }
        return try self(
            x, regions: try RegionPlan(map, regions: regions, layer: place), epilogue: epilogue)
    }

    private func cost(input: Tensor, output: Tensor, active: Int) -> Cost {
        let parameters = kernels.ownParameters
        return Cost(
            multiplyAdds: output.count * geometry.fanIn
                + kernels.multiplyAdds(active: active),
            parameters: parameters,
            bytes: (input.count + output.count + parameters) * MemoryLayout<Float>.stride)
    }
}
