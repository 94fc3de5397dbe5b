/// Extends a map beyond its edges with the edge values; `torch.nn.ReplicationPad2d`.
///
/// Pixel (i, j) of the result is pixel (clamp(i − top), clamp(j − left)) of the map.
///
/// Input `[batch, height, width, channels]`, output
/// `[batch, top + height + bottom, left + width + right, channels]`. One read and one write per element.
public struct ReplicationPad2d: Layer {
    /// Rows and columns added on each side.
    public let padding: EdgePadding

    /// Each side in 0...2²⁰.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(padding: EdgePadding) throws(ProteanError) {
        try padding.check(layer: "ReplicationPad2d")
        self.padding = padding
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The larger map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map with at least one pixel.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("ReplicationPad2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.replicatePad(
                x, top: padding.top, bottom: padding.bottom, left: padding.left,
                right: padding.right)
        }
    }
}
