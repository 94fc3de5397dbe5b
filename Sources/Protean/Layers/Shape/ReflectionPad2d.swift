/// Extends a map beyond its edges with its mirror image; `torch.nn.ReflectionPad2d`.
///
/// The edge itself is not repeated: `c b | a b c d | c b`. Every padding must be smaller than the map along
/// its axis.
///
/// Input `[batch, height, width, channels]`, output
/// `[batch, top + height + bottom, left + width + right, channels]`. One read and one write per element.
public struct ReflectionPad2d: Layer {
    /// Rows and columns added on each side.
    public let padding: EdgePadding

    /// Each side in 0...2²⁰.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(padding: EdgePadding) throws(ProteanError) {
        try padding.check(layer: "ReflectionPad2d")
        self.padding = padding
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The larger map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map, or a padding is not smaller than it.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("ReflectionPad2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.reflectPad(
                x, top: padding.top, bottom: padding.bottom, left: padding.left,
                right: padding.right)
        }
    }
}
