/// What a block's builder puts where the block has attention: any layer that keeps the shape of its
/// map, made for the block's channels.
///
/// ```swift
/// let block = try ConvBlock(
///     inputChannels: 64, outputChannels: 128, kernelSize: 3,
///     attention: .squeezeExcitation(reduction: 16))
/// let own = AttentionSlot { channels throws(ProteanError) in try SimAM() }
/// ```
public struct AttentionSlot: Sendable {
    private let maker: (@Sendable (_ channels: Int) throws(ProteanError) -> any Layer)?

    /// Attention made by a closure from the number of channels of the map.
    public init(_ maker: @escaping @Sendable (_ channels: Int) throws(ProteanError) -> any Layer) {
        self.maker = maker
    }

    private init() { maker = nil }

    /// No attention.
    public static let none = AttentionSlot()

    /// Whether there is none.
    public var isNone: Bool { maker == nil }

    /// The layer for a map of `channels` channels; nil for none.
    ///
    /// - Throws: what making it throws, and
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a layer that takes or gives
    ///   another number of channels.
    public func layer(channels: Int) throws(ProteanError) -> (any Layer)? {
        guard let made = try maker?(channels) else { return nil }
        try checkKeepsChannels(made, channels, option: "attention")
        return made
    }
}

/// Throws unless `layer` takes and gives `channels` channels, as far as it says.
func checkKeepsChannels(
    _ layer: any Layer, _ channels: Int, option: String
) throws(ProteanError) {
    let flow = layer.channelFlow
    guard (flow.input ?? channels) == channels, (flow.output ?? channels) == channels else {
        throw .invalidOption(
            layer: layer.typeName, option: option, expected: "\(channels) channels in and out",
            found: "\(flow.input ?? channels) and \(flow.output ?? channels)")
    }
}
