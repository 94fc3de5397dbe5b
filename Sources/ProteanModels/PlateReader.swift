import Protean

/// Straightens the image of a licence plate and reads it: ``PlateTransformer`` before ``LPRNet``.
///
/// ```swift
/// let logits = try reader(plates)                     // [batch, 18, 68]
/// let texts = try PlateAlphabet.published.read(logits)
/// ```
/// Input `[batch, 24, 94, 3]`, (value − 127.5) / 128. The published networks see blue, green, red;
/// with ``ChannelOrder/rgb`` the order is turned around first.
public final class PlateReader: Layer {
    /// The order of an image's channels.
    public enum ChannelOrder: String, Sendable, CaseIterable {
        /// Blue, green, red: passed on as they are.
        case bgr
        /// Red, green, blue: turned around first.
        case rgb
    }

    /// Straightens; nil for images that are straight.
    public let transformer: PlateTransformer?
    /// Reads; nil to straighten only.
    public let reader: LPRNet?
    /// The order of the input's channels.
    public let channels: ChannelOrder
    /// Where the network stands in a model.
    public let label: Label? = Label()

    /// The two networks behind each other.
    public init(
        transformer: PlateTransformer?, reader: LPRNet?, channels: ChannelOrder = .bgr
    ) {
        self.transformer = transformer
        self.reader = reader
        self.channels = channels
    }

    /// Both under `STN` and `LPRNet`, one alone under its own names.
    public var submodules: [NamedModule] {
        guard let transformer else { return reader?.submodules ?? [] }
        guard let reader else { return transformer.submodules }
        return [NamedModule("STN", transformer), NamedModule("LPRNet", reader)]
    }

    /// The logits of the steps, `[batch, 18, classes]`; without a reader the straightened images.
    ///
    /// - Throws: ``ProteanError`` when `x` is not `[batch, 24, 94, 3]`.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = channels == .rgb ? try Operations.flip(x, axes: [-1]) : x
        if let transformer { y = try transformer(y) }
        if let reader { y = try reader(y) }
        return y
    }
}
