/// Normalises every row of channels by its own mean and variance; `torch.nn.LayerNorm` over the
/// last axis.
///
/// `y = (x − mean) / √(variance + epsilon) · weight + bias`. Ba, Kiros, Hinton, "Layer
/// Normalization", arXiv 1607.06450. Any shape `[…, channels]`, the same out: on an NHWC map every
/// pixel is normalised. Parameters: `weight` and `bias` `[channels]`. Cost: one multiply-add per
/// element and pass.
public final class LayerNorm: Layer {
    /// Length of the last axis.
    public let channels: Int
    /// Added to the variance.
    public let epsilon: Float
    /// `[channels]`.
    public let weight: Parameter
    /// `[channels]`.
    public let bias: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A norm with weights 1 and biases 0, for 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, epsilon: Float = 1e-5) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "LayerNorm")
        guard epsilon >= 0, epsilon.isFinite else {
            throw .invalidOption(
                layer: "LayerNorm", option: "epsilon", expected: "a finite number of at least 0",
                found: "\(epsilon)")
        }
        self.channels = channels
        self.epsilon = epsilon
        weight = try Parameter(repeating: 1, shape: [channels], layer: "LayerNorm")
        bias = try Parameter(repeating: 0, shape: [channels], layer: "LayerNorm")
    }

    /// `weight` and `bias`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    /// The normalised `x`.
    ///
    /// - Throws: ``ProteanError`` when the last axis of `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// The activation of the normalised `x`.
    ///
    /// - Throws: ``ProteanError`` when the last axis of `x` does not fit.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard x.shape.last == channels else {
            throw Shape.mismatch(
                x.shape, channels: channels, expected: "[…, \(channels)]", layer: place)
        }
        return try traced("LayerNorm", path: label, input: x, cost: { cost($0) }) {
            () throws(ProteanError) in
            try Operations.layerNorm(
                x, weight: weight.value, bias: bias.value, epsilon: epsilon,
                activation: activation, layer: place)
        }
    }

    private func cost(_ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: 3 * y.count, parameters: 2 * channels,
            bytes: (2 * y.count + 2 * channels) * MemoryLayout<Float>.stride)
    }
}
