/// Channel attention in one of three forms: which one is an option, so that a network's builder can
/// exchange them.
///
/// `y = x · gate(f(statistics of x))`, a gate per channel, with the parameters of the form's own
/// layer:
///
/// | Form | Statistics | f | Layer |
/// |---|---|---|---|
/// | ``Form/mean`` | mean | two fully connected layers | ``SqueezeExcitation`` |
/// | ``Form/meanAndDeviation`` | mean, deviation | one weight each, and a batch norm | ``StyleRecalibration`` |
/// | ``Form/convolution`` | mean | convolution along the channels | ``EfficientChannelAttention`` |
///
/// Input and output `[batch, height, width, channels]`. A convolution without bias before the layer
/// is a convolution with dynamic weights: the gates times its weights. Cost: two reads and one write
/// of the map.
public final class ChannelAttention: SelfGating {
    /// What the gates are computed from, and how.
    public enum Form: String, Sendable, CaseIterable {
        /// Means, by two fully connected layers (torchvision's names, `fc1` and `fc2`).
        case mean
        /// Means and standard deviations, by one weight each (the authors' names, `cfc` and `bn`).
        case meanAndDeviation = "mean_and_deviation"
        /// Means, by a convolution along the channels of adaptive size (`conv`).
        case convolution
    }

    /// What the gates are computed from, and how.
    public let form: Form
    /// Channels of the map.
    public let channels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let layer: any SelfGating

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - form: what the gates are computed from, and how.
    ///   - reduction: channels divided by the width between the layers of form
    ///     ``Form/mean``, rounded down to at least 1; the other forms have no such width.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, form: Form = .mean, reduction: Int = 16, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "ChannelAttention")
        try checkChannels(reduction, "reduction", layer: "ChannelAttention")
        self.channels = channels
        self.form = form
        layer =
            switch form {
            case .mean:
                try SqueezeExcitation(
                    channels: channels, squeezeChannels: max(1, channels / reduction), seed: seed)
            case .meanAndDeviation: try StyleRecalibration(channels: channels)
            case .convolution: try EfficientChannelAttention(channels: channels, seed: seed)
            }
    }

    /// Those of the form's layer.
    public var parameters: [NamedParameter] { layer.parameters }

    /// Those of the form's layer.
    public var submodules: [NamedModule] { layer.submodules }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        return try layer.gates(of: x)
    }
}

extension AttentionSlot {
    /// A gate per channel in one of three forms; see ``ChannelAttention``.
    public static func channel(
        _ form: ChannelAttention.Form = .mean, reduction: Int = 16
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try ChannelAttention(channels: channels, form: form, reduction: reduction)
        }
    }
}
