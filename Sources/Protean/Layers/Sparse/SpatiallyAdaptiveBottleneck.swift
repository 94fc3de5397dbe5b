/// A bottleneck whose first two convolutions are computed at sampled pixels and interpolated elsewhere.
///
/// `f₁ = R₁(relu(bn1(conv1(x))))`, `f₂ = R₂(relu(bn2(conv2(f₁))))`, `y = relu(bn3(conv3(f₂)) + identity)`,
/// where Rᵢ keeps the pixels of mask i and replaces the others by the Gaussian mean of those around
/// them, `Σ G f / (Σ G + 1e-5)`, `G(d²) = σ²/2π · exp(−σ² d²/2)`. Mask i is on where
/// `conv3x3(x) ≥ 0`, that is, where its sigmoid is at least one half, and on a lattice. Xie, Zhang,
/// Zhu, Huang, Lin, "Spatially Adaptive Inference with Stochastic Feature Sampling and Interpolation",
/// arXiv 2003.08866.
///
/// Inference is deterministic: the reference draws Gumbel noise at test time too and scales the
/// sampled pixels by the noisy soft value; here there is no noise and that value is 1. `conv2` is
/// computed on its mask; `conv1` at those pixels of its mask that `conv2` or the interpolation for
/// it reads, and only inactive pixels that `conv2` reads are interpolated. `conv3` reads all
/// pixels.
///
/// Input `[batch, height, width, inputChannels]`, output `4 · planes` channels. Parameters `conv1`
/// to `conv3`, `bn1` to `bn3`, `downsample.0`, `downsample.1` if the block has a downsample,
/// `conv1_mask`, `conv2_mask`, `conv1_sigma` `[]`, `conv2_sigma` `[]`, and the temperatures
/// `conv1_gumbel.cur_T` `[]`, `conv2_gumbel.cur_T` `[]`, which inference does not read. Cost: masks
/// and `conv3` at all pixels, `conv1`, `conv2` and the interpolation at the pixels described above.
public final class SpatiallyAdaptiveBottleneck: Layer {
    /// Distance between the lattice's rows and columns.
    public let gridPriorInterval: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    private let conv1, conv2, conv3: FusedMaskedConv2d
    private let shortcut: Sequential?
    private let masks: [Conv2d]
    private let gaussians: [GaussianInterpolation]
    private let lattices = Derived<Size2d, Tensor>(capacity: 4)

    /// A block with seeded initial values: masks that are on everywhere, σ = 3.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - planes: inner channels; there are `4 · planes` output channels.
    ///   - stride: of the 3 × 3 convolution, its mask and the shortcut.
    ///   - downsample: whether the shortcut has a convolution and a norm; needed where stride or
    ///     channels change.
    ///   - dilation: of the 3 × 3 convolution; its padding is the same.
    ///   - gaussianKernel: size of the neighbourhood, odd and at most 255.
    ///   - gridPriorInterval: distance in rows and columns between pixels that are always sampled,
    ///     1...2²⁰.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, planes: Int, stride: Int = 1, downsample: Bool = false,
        dilation: Int = 1, gaussianKernel: Int = 7, gridPriorInterval: Int = 11, seed: UInt64 = 0
    ) throws(ProteanError) {
        let name = "SpatiallyAdaptiveBottleneck"
        try checkOption(
            gridPriorInterval, "gridPriorInterval", in: 1...OptionLimits.length, layer: name)
        self.gridPriorInterval = gridPriorInterval
        let residual = try MaskedResidual.bottleneck(
            name, inputChannels: inputChannels, planes: planes, stride: stride,
            downsample: downsample, dilation: dilation, seed: seed)
        (conv1, conv2) = (residual.steps.before[0], residual.steps.spatial)
        conv3 = residual.steps.last!
        shortcut = residual.steps.shortcut
        masks = [try Self.mask(inputChannels, 1), try Self.mask(inputChannels, stride)]
        gaussians = [
            try GaussianInterpolation(kernelSize: gaussianKernel, layer: name),
            try GaussianInterpolation(kernelSize: gaussianKernel, layer: name),
        ]
        submodules =
            residual.parts + [
                NamedModule("conv1_mask", masks[0]), NamedModule("conv2_mask", masks[1]),
                NamedModule("conv1_gumbel", try GumbelTemperature()),
                NamedModule("conv2_gumbel", try GumbelTemperature()),
            ]
    }

    private static func mask(_ channels: Int, _ stride: Int) throws(ProteanError) -> Conv2d {
        let geometry = try Conv2dGeometry(
            inputChannels: channels, outputChannels: 1, kernelSize: 3, stride: Size2d(stride),
            padding: 1, algorithm: .direct)
        return Conv2d(
            geometry: geometry,
            weight: try Parameter(repeating: 0, shape: geometry.weightShape, layer: "Conv2d"),
            bias: try Parameter(repeating: 3, shape: [1], layer: "Conv2d"))
    }

    /// `conv1_sigma` and `conv2_sigma`.
    public var parameters: [NamedParameter] {
        [
            NamedParameter("conv1_sigma", gaussians[0].sigma),
            NamedParameter("conv2_sigma", gaussians[1].sigma),
        ]
    }

    /// The pixels at which the first two convolutions are sampled.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or carries no values.
    public func sampledPixels(
        of x: Tensor
    ) throws(ProteanError) -> (conv1: MaskPlan, conv2: MaskPlan) {
        (try sampled(x, masks[0]), try sampled(x, masks[1]))
    }

    private func sampled(_ x: Tensor, _ mask: Conv2d) throws(ProteanError) -> MaskPlan {
        let logits = try mask(x)
        let size = Size2d(height: logits.shape[1], width: logits.shape[2])
        let lattice = try lattices.value(for: size) { () throws(ProteanError) in
            try Memory.check(size.height * size.width, of: Float.self, layer: place)
            var values = [Float](repeating: 0, count: size.height * size.width)
            for y in Swift.stride(from: 0, to: size.height, by: gridPriorInterval) {
                for x in Swift.stride(from: 0, to: size.width, by: gridPriorInterval) {
                    values[y * size.width + x] = .infinity
                }
            }
            return try Tensor(values, shape: [size.height, size.width, 1])
        }
        return try MaskPlan(try Operations.add(logits, lattice), active: .atLeast(0))
    }

    /// The block's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or carries no values: the masks need them.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let masks = try sampledPixels(of: x)
        let first = try firstFeatures(x, masks.conv1, masks.conv2)
        let outputs = masks.conv2.size
        var second = try Tensor(
            uninitialized: [x.shape[0], outputs.height, outputs.width, first.shape[3]], for: place)
        try conv2.update(&second, with: first, mask: masks.conv2)
        try gaussians[1].fill(
            &second, at: try masks.conv2.inverted(), from: masks.conv2, name: place, label: label)
        return try conv3.dense(second, residual: try shortcut?(x) ?? x)
    }

    /// The features that `conv2` reads for its mask; other pixels stay undefined.
    private func firstFeatures(
        _ x: Tensor, _ own: MaskPlan, _ next: MaskPlan
    ) throws(ProteanError) -> Tensor {
        let size = own.size
        let reach = try next.dilated(for: conv2.conv.geometry, input: size)
        let filled = try reach.subtracting(own)
        let kernel = gaussians[0].kernelSize
        let around = try filled.dilated(
            for: Conv2dGeometry(
                inputChannels: 1, outputChannels: 1, kernelSize: Size2d(kernel),
                padding: .symmetric(kernel / 2)), input: size)
        let computed = try own.intersection(try reach.union(around))
        var map = try Tensor(
            uninitialized: [
                x.shape[0], size.height, size.width, conv2.conv.geometry.inputChannels,
            ],
            for: place)
        try conv1.update(&map, with: x, mask: computed)
        try gaussians[0].fill(&map, at: filled, from: computed, name: place, label: label)
        return map
    }
}

/// The temperature of the reference's Gumbel sampling; loaded and saved, but not used.
private final class GumbelTemperature: Module {
    private let temperature: Parameter

    init() throws(ProteanError) { temperature = Parameter(buffer: try Tensor([1], shape: [])) }

    var parameters: [NamedParameter] { [NamedParameter("cur_T", temperature)] }
}
