/// Concurrent spatial and channel squeeze-and-excitation (scSE): a gate per channel and a gate per
/// pixel, added or the larger of both.
///
/// `y = x · (c + s)` with `c = sigmoid(W₂ · relu(W₁ · mean(x) + b₁) + b₂)` per channel and
/// `s = sigmoid(w · x + b)` per pixel; in the other form `y = x · max(c, s)`. Roy, Navab, Wachinger,
/// "Concurrent Spatial and Channel Squeeze & Excitation in Fully Convolutional Networks", arXiv
/// 1803.02579 (the sum is c · x + s · x).
///
/// Input and output `[batch, height, width, channels]`. Keys as in segmentation_models.pytorch's
/// `SCSEModule`: `cSE.1`, `cSE.3` and `sSE.0`, 1 × 1 convolutions with bias. Pixels are scored and
/// scaled in the same pass. Cost: two reads and one write of the map, two multiply-adds per element
/// and 2 · channels · squeezeChannels per sample. Zero weights and large biases give gates of 1, and
/// so twice the map, or in the other form the map itself. A map of one pixel is its own mean.
public final class ConcurrentSqueezeExcitation: SelfGating {
    /// Channels of the map.
    public let channels: Int
    /// Channels between the two layers of the channel gate.
    public let squeezeChannels: Int
    /// Whether the larger gate is taken instead of the sum.
    public let takesLarger: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let reduce, expand: Projection
    private let spatial: Conv2d
    private let network: GateNetwork

    /// A layer with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int, takesLarger: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "ConcurrentSqueezeExcitation"
        try checkChannels(channels, "channels", layer: layer)
        try checkChannels(squeezeChannels, "squeezeChannels", layer: layer)
        self.channels = channels
        self.squeezeChannels = squeezeChannels
        self.takesLarger = takesLarger
        reduce = try Projection(
            from: channels, to: squeezeChannels, linear: false, bias: true, seed: seed)
        expand = try Projection(
            from: squeezeChannels, to: channels, linear: false, bias: true, seed: seed &+ 1)
        spatial = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: 1, seed: seed &+ 2)
        network = GateNetwork([.init(reduce, .relu), .init(expand, .sigmoid)])
    }

    /// `cSE.1`, `cSE.3` and `sSE.0`.
    public var submodules: [NamedModule] {
        [
            NamedModule("cSE.1", reduce.module), NamedModule("cSE.3", expand.module),
            NamedModule("sSE.0", spatial),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// activation(x · gates + residual); a residual takes another pass over the map.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        let y = try run(x, residual == nil ? activation : .identity)
        try AttentionRecord.note(path: place, input: x) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in try gates(of: x) }
        }
        guard let residual else { return y }
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try epilogue.applied(to: y, layer: place)
    }

    /// The gates of `x`, one per element.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try run(x, .identity, gatesOnly: true)
    }

    private func run(
        _ x: Tensor, _ activation: Activation, gatesOnly: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        return try traced(
            typeName, path: label, input: x, cost: { cost($0) }
        ) { () throws(ProteanError) in
            let channel = try network(Operations.globalAveragePool(x))
            return try Operations.concurrentGate(
                x, channel: channel, weight: spatial.weight.value, bias: spatial.bias?.value,
                takesLarger: takesLarger, gatesOnly: gatesOnly, activation: activation)
        }
    }

    private func cost(_ y: Tensor) -> Cost {
        network.cost(batch: y.shape[0])
            + Cost(multiplyAdds: 2 * y.count, parameters: channels + 1, bytes: 12 * y.count)
    }
}
