/// Adds zeros around a map; `torch.nn.ZeroPad2d`.
///
/// Input `[batch, height, width, channels]`, output
/// `[batch, top + height + bottom, left + width + right, channels]`. One read and one write per element.
public struct ZeroPad2d: Layer {
    /// Rows and columns added on each side.
    public let padding: EdgePadding

    /// Each side in 0...2²⁰.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(padding: EdgePadding) throws(ProteanError) {
        try padding.check(layer: "ZeroPad2d")
        self.padding = padding
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The larger map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("ZeroPad2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.pad(
                x, top: padding.top, bottom: padding.bottom, left: padding.left,
                right: padding.right)
        }
    }
}
