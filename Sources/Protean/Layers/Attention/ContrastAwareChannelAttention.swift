/// Contrast-aware channel attention: channels are scaled by a gate computed from their contrast, the
/// sum of standard deviation and mean.
///
/// `y = x · sigmoid(W₂ · relu(W₁ · (deviation(x) + mean(x)) + b₁) + b₂)`, both statistics over height
/// and width per sample and channel, the deviation with the number of pixels as the divisor. Hui, Gao,
/// Yang, Wang, "Lightweight Image Super-Resolution with Information Multi-distillation Network"
/// (IMDN), ACM MM 2019, arXiv 1909.11856. Where squeeze-and-excitation asks how large a channel is,
/// this asks as well how much it varies: edges and texture.
///
/// Input and output `[batch, height, width, channels]`. Parameters `conv_du.0` and `conv_du.2`, 1 × 1
/// convolutions with bias. A map of one pixel, or a constant one, has deviation 0 and is gated by its
/// mean alone. Cost: 2 · channels · squeezeChannels multiply-adds per sample, one per element, two
/// reads and one write of the map.
public final class ContrastAwareChannelAttention: SelfGating {
    /// Channels of the map.
    public let channels: Int
    /// Channels between the two convolutions.
    public let squeezeChannels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let reduce, expand: Projection
    private let network: GateNetwork

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - reduction: channels over those between the convolutions, rounded down; at most `channels`.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, reduction: Int = 16, seed: UInt64 = 0) throws(ProteanError) {
        let layer = "ContrastAwareChannelAttention"
        try checkChannels(channels, "channels", layer: layer)
        try checkOption(reduction, "reduction", in: 1...channels, layer: layer)
        self.channels = channels
        squeezeChannels = channels / reduction
        reduce = try Projection(
            from: channels, to: squeezeChannels, linear: false, bias: true, seed: seed)
        expand = try Projection(
            from: squeezeChannels, to: channels, linear: false, bias: true, seed: seed &+ 1)
        network = GateNetwork([.init(reduce, .relu), .init(expand, .sigmoid)])
    }

    /// `conv_du.0` and `conv_du.2`.
    public var submodules: [NamedModule] {
        [NamedModule("conv_du.0", reduce.module), NamedModule("conv_du.2", expand.module)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        return try traced(
            typeName, path: label, input: x,
            cost: { network.cost(batch: x.shape[0]) + .moving(x, $0) }
        ) { () throws(ProteanError) in
            let statistics = try Operations.channelStatistics(
                x, [.mean, .deviation], unbiased: false)
            return try network(try Operations.sum(statistics, axes: [1]))
        }
    }

    /// activation(convolution(y) + residual) where y is the gated map, which is not stored: each
    /// sample's weights are multiplied by its gates instead. An active ``AttentionRecord`` gets the
    /// gates.
    ///
    /// - Parameters:
    ///   - x: the map.
    ///   - convolution: the convolution after this layer; one group.
    ///   - residual: a map of the result's shape, or nil.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, then convolution: FusedConv2d, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let gates = try gates(of: x)
        try AttentionRecord.note(path: place, input: x) { () throws(ProteanError) in gates }
        return try convolution(x, gatedBy: gates, residual: residual)
    }
}
