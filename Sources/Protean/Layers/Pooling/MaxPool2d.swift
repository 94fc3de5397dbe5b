/// The largest value of each window of a map, channel by channel; `torch.nn.MaxPool2d`.
///
/// `y[n, i, j, c] = max over k, l of x[n, i·s − p + k·d, j·s − p + l·d, c]`. Input
/// `[batch, height, width, channels]`, output `[batch, height', width', channels]` with sizes as in
/// ``PoolWindow``. Padding is never the maximum; a window with NaN gives NaN.
public struct MaxPool2d: Layer {
    /// Kernel size, stride, padding, dilation and rounding.
    public let window: PoolWindow

    /// A stride of the kernel size by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        kernelSize: Size2d, stride: Size2d? = nil, padding: Size2d = 0, dilation: Size2d = 1,
        ceilMode: Bool = false
    ) throws(ProteanError) {
        window = PoolWindow(
            kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation,
            ceilMode: ceilMode)
        try window.check(layer: "MaxPool2d")
    }

    /// The pooled map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map or too small for the window.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("MaxPool2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.maxPool2d(x, window)
        }
    }
}
