/// The mean of each window of a map, channel by channel; `torch.nn.AvgPool2d`.
///
/// Input `[batch, height, width, channels]`, output `[batch, height', width', channels]` with sizes
/// as in ``PoolWindow``.
public struct AvgPool2d: Layer {
    /// Kernel size, stride, padding and rounding.
    public let window: PoolWindow
    /// Whether padding counts as zeros or is ignored.
    public let countIncludePad: Bool
    /// Divides sums instead of the window's size; nil for the window's size.
    public let divisorOverride: Int?

    /// A stride of the kernel size by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        kernelSize: Size2d, stride: Size2d? = nil, padding: Size2d = 0, ceilMode: Bool = false,
        countIncludePad: Bool = true, divisorOverride: Int? = nil
    ) throws(ProteanError) {
        window = PoolWindow(
            kernelSize: kernelSize, stride: stride, padding: padding, ceilMode: ceilMode)
        self.countIncludePad = countIncludePad
        self.divisorOverride = divisorOverride
        try Operations.checkAverage(window, divisorOverride, layer: "AvgPool2d")
    }

    /// The pooled map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map or too small for the window.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("AvgPool2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.avgPool2d(
                x, window, countIncludePad: countIncludePad, divisorOverride: divisorOverride)
        }
    }
}
