/// The routing of CondConv: `sigmoid(linear(globalAveragePool(x)))`, one weight per expert.
///
/// Input `[batch, height, width, channels]`, output `[batch, experts]`. Parameters as timm's
/// `routing_fn`: `weight` `[experts, channels]`, `bias` `[experts]`. Weights are not normalised.
/// In an EfficientNet block one routing, made from the block's input, serves all its convolutions.
public final class CondConvRouting: Layer {
    private let linear: Linear

    /// A routing with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, experts: Int, seed: UInt64 = 0) throws(ProteanError) {
        linear = try Linear(inputFeatures: channels, outputFeatures: experts, seed: seed)
    }

    /// `weight` and `bias`.
    public var parameters: [NamedParameter] { linear.parameters }

    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// The routing weights of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: linear.inputFeatures, layer: place)
        return try traced("CondConvRouting", path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            let head = RoutingHead(
                weight: linear.weight.value, bias: linear.bias?.value, activation: .sigmoid)
            return try Operations.routing(
                Operations.globalAveragePool(x), heads: [head], layer: place)[0]
        }
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: y.count * linear.inputFeatures, parameters: parameterCount,
            bytes: (x.count + y.count + parameterCount) * MemoryLayout<Float>.stride)
    }
}
