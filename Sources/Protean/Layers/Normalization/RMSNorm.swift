/// Divides every row of channels by its root mean square; `torch.nn.RMSNorm` over the last axis.
///
/// `y = x / √(mean(x²) + eps) · weight`. Zhang, Sennrich, "Root Mean Square Layer Normalization",
/// NeurIPS 2019 (arXiv 1910.07467). Any shape `[…, channels]`, the same out: on an NHWC map every
/// pixel is normalised. Parameter: `weight` `[channels]`; without `affine` there is none, as if it
/// were 1. Cost: two multiply-adds per element.
public final class RMSNorm: Layer {
    /// Length of the last axis.
    public let channels: Int
    /// Added to the mean square.
    public let eps: Double
    /// `[channels]`, ones at first; nil without `affine`.
    public let weight: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A norm with weights 1, for 1...2²⁴ channels.
    ///
    /// Without `eps` it is the distance from 1 to the next `Float`, 2⁻²³, as in PyTorch.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(channels: Int, eps: Double? = nil, affine: Bool = true) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "RMSNorm")
        let eps = eps ?? Double(Float.ulpOfOne)
        try checkEpsilon(eps, layer: "RMSNorm")
        self.channels = channels
        self.eps = eps
        weight = affine ? try Parameter(repeating: 1, shape: [channels], layer: "RMSNorm") : nil
    }

    /// `weight`; none without `affine`.
    public var parameters: [NamedParameter] { weight.map { [NamedParameter("weight", $0)] } ?? [] }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

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
        return try traced("RMSNorm", path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            try Operations.rmsNorm(
                x, weight: weight?.value, eps: eps, activation: activation, layer: place)
        }
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        var cost = Cost.moving(x, y, parameters: parameterCount)
        cost.multiplyAdds = 2 * y.count
        cost.executedMultiplyAdds = cost.multiplyAdds
        return cost
    }
}
