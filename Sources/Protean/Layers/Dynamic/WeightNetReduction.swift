/// The attention vector that the ``WeightNet`` layers of a block share: `reduce(mean of x)`.
///
/// Input the block's map `[batch, height, width, channels]`, output `[batch, reducedChannels]`, without
/// an activation. Parameters `reduce.weight` `[reducedChannels, channels, 1, 1]` and `reduce.bias`.
public final class WeightNetReduction: Layer {
    /// Channels of the vector.
    public let reducedChannels: Int

    private let channels: Int
    private let reduce: Conv2d

    /// A reduction with seeded initial values; `reducedChannels` is the reference's
    /// max(16, channels / 16) unless given.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, reducedChannels: Int? = nil, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "WeightNetReduction")
        let width = reducedChannels ?? max(16, channels / 16)
        try checkChannels(width, "reducedChannels", layer: "WeightNetReduction")
        self.channels = channels
        self.reducedChannels = width
        reduce = try Conv2d(
            inputChannels: channels, outputChannels: width, kernelSize: 1, seed: seed)
    }

    /// `reduce`.
    public var submodules: [NamedModule] { [NamedModule("reduce", reduce)] }

    /// The channels in and out.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: reducedChannels) }

    /// The vector of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let mean = try Operations.globalAveragePool(x)
        let y = try reduce(try mean.reshaped(to: [x.shape[0], 1, 1, channels]))
        return try y.reshaped(to: [x.shape[0], reducedChannels])
    }
}
