/// What a block's builder puts where the block has an activation: an element-wise function, which
/// costs no pass of its own, or any layer that keeps the shape of its map, made for the block's
/// channels.
///
/// ```swift
/// let block = try ConvBlock(
///     inputChannels: 64, outputChannels: 128, kernelSize: 3, activation: .dynamicReLU())
/// ```
public struct ActivationSlot: Sendable {
    /// What there is.
    enum Content: Sendable {
        case function(Activation)
        case layer(@Sendable (_ channels: Int) throws(ProteanError) -> any Layer)
    }

    let content: Content

    /// An activation layer made by a closure from the number of channels of the map.
    public init(_ maker: @escaping @Sendable (_ channels: Int) throws(ProteanError) -> any Layer) {
        content = .layer(maker)
    }

    /// An element-wise function.
    public init(_ function: Activation) { content = .function(function) }

    /// No activation.
    public static let identity = ActivationSlot(.identity)
    /// max(x, 0)
    public static let relu = ActivationSlot(.relu)
    /// min(max(x, 0), 6)
    public static let relu6 = ActivationSlot(.relu6)
    /// x · sigmoid(x)
    public static let silu = ActivationSlot(.silu)
    /// x · min(max(x + 3, 0), 6) / 6
    public static let hardSwish = ActivationSlot(.hardSwish)

    /// An element-wise function.
    public static func function(_ function: Activation) -> ActivationSlot {
        ActivationSlot(function)
    }

    /// PReLU with a slope per channel (He et al., arXiv 1502.01852); see ``PReLU``.
    public static func prelu() -> ActivationSlot {
        ActivationSlot { channels throws(ProteanError) in try PReLU(channels: channels) }
    }

    /// Dynamic ReLU (Chen et al., arXiv 2003.10027); see ``DynamicReLU``.
    public static func dynamicReLU(
        reduction: Int = 4, kind: DynamicReLU.Kind = .b, variant: DynamicReLU.Variant = .islanna
    ) -> ActivationSlot {
        ActivationSlot { channels throws(ProteanError) in
            try DynamicReLU(
                channels: channels, reduction: reduction, kind: kind, variant: variant)
        }
    }

    /// The function that follows the layer before in its kernel; identity if there is a layer.
    public var function: Activation {
        if case .function(let function) = content { function } else { .identity }
    }

    /// The layer for a map of `channels` channels; nil for a function.
    ///
    /// - Throws: what making it throws, and
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a layer that takes or gives
    ///   another number of channels.
    public func layer(channels: Int) throws(ProteanError) -> (any Layer)? {
        guard case .layer(let maker) = content else { return nil }
        let made = try maker(channels)
        try checkKeepsChannels(made, channels, option: "activation")
        return made
    }
}
