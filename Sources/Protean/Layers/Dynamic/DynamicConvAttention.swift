/// The attention of ``DynamicConv2d`` over its kernels:
/// `softmax(fc2(relu(fc1(globalAveragePool(x)))) / temperature)`.
///
/// Input `[batch, height, width, channels]`, output `[batch, experts]`; each row sums to 1.
/// Parameters as in the reference's `attention2d`: `fc1.weight` `[hidden, channels, 1, 1]` without
/// bias, `fc2.weight` `[experts, hidden, 1, 1]` and `fc2.bias` `[experts]`. Cost per sample: hidden ·
/// (channels + experts) multiply-adds and one read of the map.
public final class DynamicConvAttention: Layer {
    /// Divides the logits.
    public let temperature: Float
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let reduce, expand: Conv2d

    /// An attention with `hidden` units and seeded weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, hidden: Int, experts: Int, temperature: Float = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        try Operations.checkTemperature(temperature, layer: "DynamicConvAttention")
        self.temperature = temperature
        reduce = try Conv2d(
            inputChannels: channels, outputChannels: hidden, kernelSize: 1, bias: false, seed: seed)
        expand = try Conv2d(
            inputChannels: hidden, outputChannels: experts, kernelSize: 1, seed: seed &+ 1)
    }

    /// `fc1` and `fc2`.
    public var submodules: [NamedModule] {
        [NamedModule("fc1", reduce), NamedModule("fc2", expand)]
    }

    /// The weights of the kernels for `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: reduce.geometry.inputChannels, layer: place)
        return try traced("DynamicConvAttention", path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            let head = RoutingHead(
                weight: expand.weight.value, bias: expand.bias?.value, activation: .softmax)
            return try Operations.routing(
                Operations.globalAveragePool(x), hidden: (reduce.weight.value, nil), heads: [head],
                temperature: temperature, layer: place)[0]
        }
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        let products = reduce.weight.count + expand.weight.count
        return Cost(
            multiplyAdds: x.shape[0] * products, parameters: parameterCount,
            bytes: (x.count + y.count + parameterCount) * MemoryLayout<Float>.stride)
    }
}
