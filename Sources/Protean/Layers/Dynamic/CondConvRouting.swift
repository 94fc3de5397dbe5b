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
    public var label: Label? { linear.label }

    /// The routing weights of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try linear(try Operations.globalAveragePool(x), activation: .sigmoid)
    }
}
