/// Deformable convolution of the fourth version: ``DCNv3`` without a softmax, displacements and
/// weights from one linear layer.
///
/// `u = value_proj(x)`, `om = offset_mask(x)` (of `offset_mask_dw(x)` with a depthwise kernel size),
/// `z =` ``Operations/deformAggregate(_:offsetMask:_:layer:)`` of u, `y = output_proj(z)`. Per group
/// om holds (x, y) of every point, then the points' weights, which are used as they are. With the
/// centre feature scale, `s = sigmoid(z · Wᵀ + b)` per group and `z ← z · (1 − s) + u · s`.
///
/// Xiong et al., "Efficient Deformable ConvNets", CVPR 2024, arXiv 2401.06197; names and shapes as
/// OpenGVLab's `DCNv4`, which takes `[batch, pixels, channels]`. Here input and output are
/// `[batch, height, width, channels]`; the size must be kept. Parameters: `offset_mask`
/// (its outputs are 3 · groups · points, rounded up to a multiple of 8), `offset_mask_dw`,
/// `value_proj`, `output_proj`, `center_feature_scale_proj_weight`, `…_bias`.
///
/// `offset_mask` starts at zero: a new layer gives the output projection's bias.
/// Cost: 2 C² + 3 · groups · points · C + 4 · points · C multiply-adds per pixel.
public final class DCNv4: Layer {
    /// Groups, kernel size, stride, padding, dilation and scale.
    public let aggregation: DeformableAggregation
    /// Channels of input and output.
    public let channels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let offsetMask: Linear
    private let depthwise: Conv2d?
    private let projections: (value: Linear, output: Linear)?
    private let centerScale: CenterFeatureScale?

    /// A layer with seeded projections and zero displacements and weights.
    ///
    /// - Parameters:
    ///   - channels: channels of input and output.
    ///   - kernelSize: points per axis.
    ///   - stride: step between outputs, in pixels of the input.
    ///   - padding: zeros around the map, on each side.
    ///   - dilation: distance between neighbouring points, in pixels.
    ///   - groups: groups of channels, each with its own points.
    ///   - offsetScale: factor of the displacements and of the grid of points.
    ///   - depthwiseKernelSize: a depthwise convolution before `offset_mask`; nil for none.
    ///   - centerFeatureScale: whether a gate mixes the projected input into the result.
    ///   - removeCenter: leaves out the point in the centre of the grid.
    ///   - outputBias: whether `output_proj` has a bias.
    ///   - withoutPointwise: leaves out both projections.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int = 64, kernelSize: Size2d = 3, stride: Size2d = 1, padding: Size2d = 1,
        dilation: Size2d = 1, groups: Int = 4, offsetScale: Float = 1,
        depthwiseKernelSize: Size2d? = nil, centerFeatureScale: Bool = false,
        removeCenter: Bool = false, outputBias: Bool = true, withoutPointwise: Bool = false,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        aggregation = try DeformableAggregation(
            groups: groups, kernelSize: kernelSize, stride: stride, padding: padding,
            dilation: dilation, offsetScale: offsetScale, removeCenter: removeCenter,
            layer: "DCNv4")
        try checkChannels(channels, groups: groups, layer: "DCNv4")
        self.channels = channels
        let entries = 3 * groups * aggregation.points
        offsetMask = try Linear.zeros(from: channels, to: (entries + 7) / 8 * 8)
        depthwise = try depthwiseKernelSize.map { (size) throws(ProteanError) in
            try centredDepthwise(channels: channels, kernelSize: size, seed: seed)
        }
        projections =
            withoutPointwise
            ? nil
            : (
                try Linear(inputFeatures: channels, outputFeatures: channels, seed: seed &+ 1),
                try Linear(
                    inputFeatures: channels, outputFeatures: channels, bias: outputBias,
                    seed: seed &+ 2)
            )
        centerScale =
            centerFeatureScale ? try CenterFeatureScale(groups: groups, channels: channels) : nil
    }

    /// The centre feature scale's, if there is one.
    public var parameters: [NamedParameter] { centerScale?.parameters ?? [] }

    /// In the reference's order.
    public var submodules: [NamedModule] {
        var parts = [NamedModule("offset_mask", offsetMask)]
        if let depthwise { parts.insert(NamedModule("offset_mask_dw", depthwise), at: 0) }
        guard let projections else { return parts }
        return parts + [
            NamedModule("value_proj", projections.value),
            NamedModule("output_proj", projections.output),
        ]
    }

    /// The output for `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or stride and padding change its size.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try checkMap(x, channels: channels, place: place)
        let u = try projections?.value(x) ?? x
        let filtered = try depthwise?(x) ?? x
        let given = try offsetMask(filtered)
        var z = try traced(
            "DCNv4", path: label, input: u,
            cost: { .aggregation(u, aggregation.points, given.count, $0) }
        ) { () throws(ProteanError) in
            let z = try Operations.deformAggregate(u, offsetMask: given, aggregation, layer: place)
            SamplingRecord.current?.append(
                path: place, input: u, output: z,
                AggregationPlaces(aggregation: aggregation, offset: given))
            return z
        }
        if let centerScale { z = try centerScale(z, centre: u, from: z, layer: place) }
        return try projections?.output(z) ?? z
    }
}
