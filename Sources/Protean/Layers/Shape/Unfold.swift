/// Every window of a map as a row; `torch.nn.Unfold` with its last two axes swapped.
///
/// Input `[batch, height, width, channels]`, output `[batch, windows, channels · kh · kw]`: windows row by
/// row over the map, in a row `(c · kh + i) · kw + j`, PyTorch's order. PyTorch returns
/// `[batch, channels · kh · kw, windows]`. One read and one write per element of the output.
public struct Unfold: Layer {
    /// Kernel size, dilation, padding and stride.
    public let window: SlidingWindow

    /// Windows that begin at every pixel, without padding, by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        kernelSize: Size2d, dilation: Size2d = 1, padding: Size2d = 0, stride: Size2d = 1
    ) throws(ProteanError) {
        window = SlidingWindow(
            kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride)
        try window.check(layer: "Unfold")
    }

    /// The windows.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map or too small for one window.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("Unfold", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.unfold(x, window)
        }
    }
}
