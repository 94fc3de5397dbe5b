/// Deformable convolution of the third version, InternImage's operator: every group of channels is
/// a softmax-weighted sum of samples at displaced points, between two projections.
///
/// `u = input_proj(x)`, `t = act(norm(dw_conv(x)))`, `offset = offset(t)`,
/// `mask = softmax over points of mask(t)`, `z =` ``Operations/deformAggregate(_:offset:mask:_:layer:)``
/// of u, `y = output_proj(z)`. With the centre feature scale, `s = sigmoid(t · Wᵀ + b)` per group
/// and `z ← z · (1 − s) + u · s`.
///
/// Wang et al., "InternImage", CVPR 2023, arXiv 2211.05778; names and shapes as OpenGVLab's
/// `DCNv3`. Input and output `[batch, height, width, channels]`. Parameters: `dw_conv.0`
/// (depthwise), `dw_conv.1.1` (layer norm; batch norm: `dw_conv.1.0`), `offset`, `mask`,
/// `input_proj`, `output_proj`, and, with the centre feature scale,
/// `center_feature_scale_proj_weight`, `…_bias`. Displacements are predicted at the input's
/// resolution, so stride and padding must keep the size.
///
/// Initially displacements and logits are zero, which gives uniform means over the grid. Cost: 2 C²
/// + C · k² + 3 · groups · points · C + 4 · points · C multiply-adds per pixel.
public final class DCNv3: Layer {
    /// The norm after the depthwise convolution.
    public enum Norm: String, Sendable, CaseIterable {
        /// Over the channels of each pixel, ε = 10⁻⁶.
        case layer = "LN"
        /// With stored statistics.
        case batch = "BN"
    }

    /// Groups, kernel size, stride, padding, dilation and scale.
    public let aggregation: DeformableAggregation
    /// Channels of input and output.
    public let channels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let depthwise: Conv2d
    private let layerNorm: LayerNorm?
    private let batchNorm: BatchNorm2d?
    private let fused: FusedConv2d?
    private let activation: Activation
    private let offset, mask, inputProjection, outputProjection: Linear
    private let centerScale: CenterFeatureScale?

    /// A layer with seeded projections, zero displacements and uniform weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int = 64, kernelSize: Size2d = 3, depthwiseKernelSize: Size2d? = nil,
        stride: Size2d = 1, padding: Size2d = 1, dilation: Size2d = 1, groups: Int = 4,
        offsetScale: Float = 1, activation: Activation = .gelu, norm: Norm = .layer,
        centerFeatureScale: Bool = false, removeCenter: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        aggregation = try DeformableAggregation(
            groups: groups, kernelSize: kernelSize, stride: stride, padding: padding,
            dilation: dilation, offsetScale: offsetScale, removeCenter: removeCenter,
            layer: "DCNv3")
        try checkChannels(channels, groups: groups, layer: "DCNv3")
        self.channels = channels
        self.activation = activation
        let size = depthwiseKernelSize ?? kernelSize
        depthwise = try centredDepthwise(channels: channels, kernelSize: size, seed: seed)
        layerNorm = norm == .layer ? try LayerNorm(channels: channels, epsilon: 1e-6) : nil
        batchNorm = norm == .batch ? try BatchNorm2d(channels: channels) : nil
        fused = batchNorm == nil ? nil : try FusedConv2d(depthwise, batchNorm, activation)
        let entries = groups * aggregation.points
        offset = try Linear.zeros(from: channels, to: 2 * entries)
        mask = try Linear.zeros(from: channels, to: entries)
        inputProjection = try Linear(
            inputFeatures: channels, outputFeatures: channels, seed: seed &+ 1)
        outputProjection = try Linear(
            inputFeatures: channels, outputFeatures: channels, seed: seed &+ 2)
        centerScale =
            centerFeatureScale ? try CenterFeatureScale(groups: groups, channels: channels) : nil
    }

    /// The centre feature scale's, if there is one.
    public var parameters: [NamedParameter] { centerScale?.parameters ?? [] }

    /// In the reference's order.
    public var submodules: [NamedModule] {
        var parts = [NamedModule("dw_conv.0", depthwise)]
        if let layerNorm { parts.append(NamedModule("dw_conv.1.1", layerNorm)) }
        if let batchNorm { parts.append(NamedModule("dw_conv.1.0", batchNorm)) }
        return parts + [
            NamedModule("offset", offset), NamedModule("mask", mask),
            NamedModule("input_proj", inputProjection),
            NamedModule("output_proj", outputProjection),
        ]
    }

    /// The output for `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or stride and padding change its size.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try checkMap(x, channels: channels, place: place)
        let u = try inputProjection(x)
        let t = try features(x)
        let displacements = try offset(t)
        let logits = try mask(t)
        let perGroup = Array(x.shape.dropLast()) + [aggregation.groups, aggregation.points]
        let weights = try Operations.softmax(logits.reshaped(to: perGroup))
            .reshaped(to: logits.shape)
        var z = try traced(
            "DCNv3", path: label, input: u,
            cost: { .aggregation(u, aggregation.points, 3 * weights.count, $0) }
        ) { () throws(ProteanError) in
            let z = try Operations.deformAggregate(
                u, offset: displacements, mask: weights, aggregation, layer: place)
            SamplingRecord.current?.append(
                path: place, input: u, output: z,
                AggregationPlaces(aggregation: aggregation, offset: displacements, mask: weights))
            return z
        }
        if let centerScale { z = try centerScale(z, centre: u, from: t, layer: place) }
        return try outputProjection(z)
    }

    private func features(_ x: Tensor) throws(ProteanError) -> Tensor {
        if let fused { return try fused(x) }
        let filtered = try depthwise(x)
        return try layerNorm.map { (norm) throws(ProteanError) in
            try norm(filtered, activation: activation)
        } ?? filtered
    }
}
