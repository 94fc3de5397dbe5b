/// SimAM: every element is scaled by how far it stands out from its channel, without parameters.
///
/// `y = x · sigmoid(d / (4 · (v + lambda)) + ½)` with d = (x − mean)² and
/// v = Σ d / (height · width − 1), mean and v per sample and channel. Yang, Zhang, Li, Xie, "SimAM: A
/// Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML 2021.
///
/// Input and output `[batch, height, width, channels]`. Gates are in (0.62, 1); they are sigmoid(½)
/// on constant maps, including maps of one pixel, where the reference divides 0 by 0 and gives NaN.
/// Cost: 4 multiply-adds per element, two reads and one write of the map.
public struct SimAM: Layer {
    /// Added to the variance: the reference's `e_lambda`.
    public let lambda: Float

    /// A module with the reference's `e_lambda` of 1e-4 by default; its networks for ImageNet use 0.1.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless `lambda` is finite
    ///   and above 0.
    public init(lambda: Float = 1e-4) throws(ProteanError) {
        try Operations.checkSimAM(lambda: lambda, layer: "SimAM")
        self.lambda = lambda
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The gated map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced(
            "SimAM", path: label, input: x,
            cost: { Cost(multiplyAdds: 4 * $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in try Operations.simAM(x, lambda: lambda) }
    }
}
