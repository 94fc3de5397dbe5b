/// Decoupled dynamic filters that are predicted from the map itself; see ``DecoupledDynamicFilter``.
///
/// The filter of a pixel and head is `N(spatial_branch.0(x)) · gain / k`, the one of a channel is
/// `N(channel_branch.3(relu(channel_branch.1(mean of x)))) · channel_branch.4.std`, where N subtracts
/// the mean of a filter's k² taps and divides by their unbiased standard deviation plus 10⁻¹⁰.
///
/// Zhou, Jampani, Pi, Liu, Yang, "Decoupled Dynamic Filter Networks", arXiv 2104.14107; names and
/// shapes as the reference's `DDFPack`. Input `[batch, height, width, channels]`, output
/// `[batch, height / s, width / s, channels]`. Parameters: `spatial_branch.0.weight`
/// `[heads · k², channels, 1, 1]`, `.bias`; `channel_branch.1.weight` `[m, channels, 1, 1]`, `.bias`;
/// `channel_branch.3.weight` `[channels · k², m, 1, 1]`, `.bias`; `channel_branch.4.std`
/// `[channels · k²]`, with m = ⌊channels · squeezeRatio⌋.
///
/// With a stride, height and width must be multiples of it. The spatial filters are normalised where
/// they are applied. Cost: per output pixel channels · heads · k² for the spatial filters, and the
/// multiply-adds of ``DecoupledDynamicFilter``; per sample channels · m · (1 + k²).
public final class DecoupledDynamicFilterPack: Layer {
    /// What follows the layer: it sets the gain of the filters, as in
    /// `torch.nn.init.calculate_gain`.
    public enum Nonlinearity: String, Sendable, CaseIterable {
        /// √2.
        case relu
        /// 1.
        case linear
        /// 1.
        case sigmoid
        /// 5 / 3.
        case tanh
        /// √(2 / (1 + 0.01²)).
        case leakyReLU = "leaky_relu"
        /// 3 / 4.
        case selu

        var gain: Float {
            switch self {
            case .relu: Float(2).squareRoot()
            case .linear, .sigmoid: 1
            case .tanh: 5 / 3
            case .leakyReLU: (2 / Float(1.0001)).squareRoot()
            case .selu: 0.75
            }
        }
    }

    /// Channels of input and output.
    public let channels: Int
    /// Channels between the two layers of the channel branch.
    public let squeezeChannels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let spatial: Conv2d
    private let squeeze, expand: Projection
    private let scale: Parameter
    private let filter: DecoupledDynamicFilter

    /// A layer with seeded initial values; the reference's defaults.
    ///
    /// - Parameters:
    ///   - channels: channels of input and output, a multiple of `heads`.
    ///   - kernelSize: odd height and width of the filters, above 1.
    ///   - stride: step from one output to the next.
    ///   - dilation: distance between taps.
    ///   - heads: groups of channels with spatial filters of their own.
    ///   - squeezeRatio: channels between the layers of the channel branch over `channels`; the
    ///     product is rounded down and must be at least 1.
    ///   - nonlinearity: what follows the layer.
    ///   - combination: how the two filters are combined.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int, kernelSize: Int = 3, stride: Int = 1, dilation: Int = 1, heads: Int = 1,
        squeezeRatio: Double = 0.2, nonlinearity: Nonlinearity = .relu,
        combination: PixelFilter.Combination = .multiply, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "DecoupledDynamicFilterPack"
        let gain = nonlinearity.gain / Float(kernelSize)
        filter = try DecoupledDynamicFilter(
            kernelSize: kernelSize, stride: stride, dilation: dilation, heads: heads,
            combination: combination, normalization: .standardized(scale: gain), layer: layer)
        squeezeChannels = try Self.width(channels, heads, squeezeRatio)
        self.channels = channels
        let taps = kernelSize * kernelSize
        let (values, overflow) = channels.multipliedReportingOverflow(by: taps)
        guard !overflow else { throw .sizeOverflow(layer: layer, what: "the channel filters") }
        spatial = try Conv2d(
            inputChannels: channels, outputChannels: heads * taps, kernelSize: 1,
            stride: Size2d(stride), seed: seed)
        squeeze = try Projection(
            from: channels, to: squeezeChannels, linear: false, bias: true, seed: seed &+ 1)
        expand = try Projection(
            from: squeezeChannels, to: values, linear: false, bias: true, seed: seed &+ 2)
        // The standard deviation of the reference's initial values, gain / k.
        let bound = gain * Float(3).squareRoot()
        scale = try Parameter(
            uniform: [values], in: -bound...bound, seed: seed &+ 3, layer: layer)
    }

    private static func width(
        _ channels: Int, _ heads: Int, _ ratio: Double
    ) throws(ProteanError) -> Int {
        let layer = "DecoupledDynamicFilterPack"
        try checkChannels(channels, "channels", layer: layer)
        guard channels % heads == 0 else {
            throw .invalidOption(
                layer: layer, option: "heads", expected: "a divisor of the channels \(channels)",
                found: "\(heads)")
        }
        let width = Double(channels) * ratio
        guard width >= 1, width <= Double(OptionLimits.channels) else {
            throw .invalidOption(
                layer: layer, option: "squeezeRatio",
                expected: "at least one channel of \(channels), at most \(OptionLimits.channels)",
                found: "\(ratio)")
        }
        return Int(width)
    }

    /// `channel_branch.4.std`.
    public var parameters: [NamedParameter] { [NamedParameter("channel_branch.4.std", scale)] }

    /// `spatial_branch.0`, `channel_branch.1` and `channel_branch.3`.
    public var submodules: [NamedModule] {
        [
            NamedModule("spatial_branch.0", spatial),
            NamedModule("channel_branch.1", squeeze.module),
            NamedModule("channel_branch.3", expand.module),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The filtered map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or its height or width is no multiple of the
    ///   stride.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        let taps = filter.filter.window.taps
        let pooled = try Operations.globalAveragePool(x)
        let raw = try expand(squeeze(pooled, .relu), .identity)
            .reshaped(to: [x.shape[0], channels, taps])
        let centred = try raw - raw.mean(axes: [-1], keepDimensions: true)
        let deviation = try raw.standardDeviation(axes: [-1], keepDimensions: true) + 1e-10
        let byChannel = try centred / deviation * scale.value.reshaped(to: [channels, taps])
        return try filter.run(
            x, channelFilter: byChannel, spatialFilter: spatial(x), place: place, label: label)
    }
}
