/// The sum of windows as a map; `torch.nn.Fold` with the input's last two axes swapped.
///
/// The transpose of ``Unfold``: every pixel is the sum of its values in all windows that contain
/// it, in a fixed order. Input `[batch, windows, channels · kh · kw]`, windows row by row over the
/// map and in a row `(c · kh + i) · kw + j`; PyTorch takes `[batch, channels · kh · kw, windows]`.
/// Output `[batch, outputSize.height, outputSize.width, channels]`. One read per element of the
/// input and one write per element of the output.
public struct Fold: Layer {
    /// Height and width of the map.
    public let outputSize: Size2d
    /// Kernel size, dilation, padding and stride.
    public let window: SlidingWindow

    /// Windows that begin at every pixel, without padding, by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option, also when
    ///   no window fits the output.
    public init(
        outputSize: Size2d, kernelSize: Size2d, dilation: Size2d = 1, padding: Size2d = 0,
        stride: Size2d = 1
    ) throws(ProteanError) {
        let window = SlidingWindow(
            kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride)
        try window.check(layer: "Fold")
        try outputSize.check(atLeast: 1, layer: "Fold", option: "outputSize")
        guard window.windows(over: outputSize) != nil else {
            throw .invalidOption(
                layer: "Fold", option: "outputSize", expected: "room for a window of \(kernelSize)",
                found: "\(outputSize)")
        }
        self.window = window
        self.outputSize = outputSize
    }

    /// The map.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when `x` has another number
    ///   of windows, or no whole number of channels.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("Fold", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.fold(x, to: outputSize, window)
        }
    }
}
