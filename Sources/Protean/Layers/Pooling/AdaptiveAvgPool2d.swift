/// Means over a given number of parts of a map of any size; `torch.nn.AdaptiveAvgPool2d`.
///
/// Output row i averages rows ⌊i · height / height'⌋ up to but not including
/// ⌈(i + 1) · height / height'⌉, columns likewise. Input `[batch, height, width, channels]`, output
/// `[batch, height', width', channels]`.
public struct AdaptiveAvgPool2d: Layer {
    /// height'; nil keeps the input's.
    public let height: Int?
    /// width'; nil keeps the input's.
    public let width: Int?

    /// A fixed output size.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a negative size.
    public init(outputSize: Size2d) throws(ProteanError) {
        try self.init(height: outputSize.height, width: outputSize.width)
    }

    /// An output size per axis; nil keeps the input's.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a negative size.
    public init(height: Int?, width: Int?) throws(ProteanError) {
        try Size2d(height: height ?? 0, width: width ?? 0)
            .check(atLeast: 0, layer: "AdaptiveAvgPool2d", option: "outputSize")
        self.height = height
        self.width = width
    }

    /// The pooled map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map with at least one pixel.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: place)
        let size = Size2d(height: height ?? x.shape[1], width: width ?? x.shape[2])
        return try traced("AdaptiveAvgPool2d", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.adaptiveAvgPool2d(x, outputSize: size)
        }
    }
}
