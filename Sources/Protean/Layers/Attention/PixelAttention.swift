/// Pixel attention: a gate per element from a 1 × 1 convolution.
///
/// `y = x · sigmoid(W · x + b)` at every pixel. Zhao, Kong, He, Qiao, Dong, "Efficient Image
/// Super-Resolution Using Pixel Attention" (PAN), arXiv 2010.01073.
///
/// Input and output `[batch, height, width, channels]`. The parameters are those of the convolution
/// `conv`: `weight` `[channels, channels, 1, 1]` and `bias` `[channels]`. Cost: channels²
/// multiply-adds per pixel. With zero weights and a large bias all gates are 1 and `y` is `x`.
public final class PixelAttention: SelfGating {
    /// Channels of the map.
    public let channels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv2d

    /// A layer with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, seed: UInt64 = 0) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "PixelAttention")
        self.channels = channels
        conv = try Conv2d(
            inputChannels: channels, outputChannels: channels, kernelSize: 1, seed: seed)
    }

    /// `conv`.
    public var submodules: [NamedModule] { [NamedModule("conv", conv)] }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`, one per element.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        return try conv(x, epilogue: Conv2dEpilogue(activation: .sigmoid))
    }

    /// activation(x · gates + residual). Alone, the product is made in the convolution's kernel.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard residual == nil, activation == .identity, AttentionRecord.current == nil else {
            return try scaling(x, byGatesOf: x, residual: residual, activation: activation)
        }
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        return try conv(x, epilogue: Conv2dEpilogue(activation: .sigmoid, factor: x))
    }
}
