/// The largest value of each window over channels, rows and columns; `torch.nn.MaxPool3d` applied to
/// a batch of maps, whose channels are then the depth.
///
/// `y[n, i, j, d] = max over m, k, l of x[n, i·s₁ + k − p₁, j·s₂ + l − p₂, d·s₀ + m]`. A kernel of
/// depth 1 with a depth stride keeps every s₀-th channel. Input `[batch, height, width, channels]`,
/// output `[batch, height', width', channels']`, channels' = ⌊(channels − kernel depth) / s₀⌋ + 1.
/// There is no padding along the channels. Only channels that the result needs are pooled. A window
/// with NaN gives NaN.
public struct MaxPool3d: Layer {
    /// Taps along channels, rows and columns.
    public let kernelSize: Size3d
    /// Distance between windows along channels, rows and columns.
    public let stride: Size3d
    /// Of rows and columns.
    public let padding: Size2d
    private let window: PoolWindow

    /// - Parameters:
    ///   - kernelSize: taps along channels, rows and columns.
    ///   - stride: distance between windows; the kernel size by default.
    ///   - padding: of rows and columns, at most half the kernel size.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        kernelSize: Size3d, stride: Size3d? = nil, padding: Size2d = 0
    ) throws(ProteanError) {
        let stride = stride ?? kernelSize, lengths = 1...OptionLimits.length
        try checkOption(kernelSize.depth, "kernelSize", in: lengths, layer: "MaxPool3d")
        try checkOption(stride.depth, "stride", in: lengths, layer: "MaxPool3d")
        window = PoolWindow(
            kernelSize: Size2d(height: kernelSize.height, width: kernelSize.width),
            stride: Size2d(height: stride.height, width: stride.width), padding: padding)
        try window.check(layer: "MaxPool3d")
        (self.kernelSize, self.stride, self.padding) = (kernelSize, stride, padding)
    }

    /// The pooled map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map or too small for the window.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("MaxPool3d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in
            try Operations.checkMap(x, layer: "MaxPool3d")
            guard x.shape[3] >= kernelSize.depth else {
                throw .shapeMismatch(
                    layer: "MaxPool3d", tensor: "x",
                    expected: "at least \(kernelSize.depth) channels", found: x.shape)
            }
            return try Operations.maxPool2d(try channels(of: x), window)
        }
    }

    /// The largest of each window's channels, pixel by pixel.
    private func channels(of x: Tensor) throws(ProteanError) -> Tensor {
        let count = (x.shape[3] - kernelSize.depth) / stride.depth + 1
        if kernelSize.depth == 1, stride.depth == 1 { return x }
        var largest: Tensor?
        for tap in 0..<kernelSize.depth {
            let end = tap + (count - 1) * stride.depth + 1
            let taken = try Operations.slice(
                x, [.all, .all, .all, AxisSlice(from: tap, to: end, step: stride.depth)])
            if let sofar = largest {
                largest = try Operations.maximum(sofar, taken)
            } else {
                largest = taken
            }
        }
        return largest ?? x
    }
}
