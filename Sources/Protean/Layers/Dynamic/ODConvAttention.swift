/// The attentions of ``ODConv2d``: with h = relu(bn(fc(globalAveragePool(x)))), factors for the input
/// channels `sigmoid(channel_fc(h) / temperature)`, the output channels (`filter_fc`), the taps
/// (`spatial_fc`), and weights of the kernels `softmax(kernel_fc(h) / temperature)`.
///
/// Parameters as in OSVAI's `Attention`: `fc.weight` `[hidden, in, 1, 1]`; `bn.*` `[hidden]`;
/// `channel_fc` always, `filter_fc` unless the convolution is depthwise, `spatial_fc` unless it has one
/// tap, `kernel_fc` unless it has one kernel, each `weight` `[outputs, hidden, 1, 1]` and `bias`
/// `[outputs]`. What is missing counts as 1. The norm runs on its stored statistics, folded into
/// `fc`. Cost per sample: hidden · (in + all outputs) multiply-adds and one read of the map.
public final class ODConvAttention: Module {
    /// The attentions for a batch; nil for factors of 1.
    public struct Factors: Sendable {
        /// Of the input channels, `[batch, in]`.
        public var inputs: Tensor
        /// Of the output channels, `[batch, out]`.
        public var outputs: Tensor?
        /// Of the taps, row by row, `[batch, height · width]`.
        public var taps: Tensor?
        /// Weights of the kernels, `[batch, experts]`; rows sum to 1.
        public var experts: Tensor?
    }

    /// Divides all logits.
    public let temperature: Float
    /// Where the module stands in a model.
    public let label: Label? = Label()
    private let reduce: Conv2d
    private let norm: BatchNorm2d
    private let channelHead: Conv2d
    private let filterHead, spatialHead, kernelHead: Conv2d?
    private let folded = Derived<Int, Tensor>()

    /// Attentions with `hidden` units for a convolution of `geometry` with `experts` kernels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        geometry: Conv2dGeometry, hidden: Int, experts: Int, temperature: Float = 1,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        try Operations.checkTemperature(temperature, layer: "ODConvAttention")
        self.temperature = temperature
        reduce = try Conv2d(
            inputChannels: geometry.inputChannels, outputChannels: hidden, kernelSize: 1,
            bias: false, seed: seed)
        norm = try BatchNorm2d(channels: hidden)
        func head(_ outputs: Int, _ index: UInt64) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: hidden, outputChannels: outputs, kernelSize: 1, seed: seed &+ index)
        }
        let taps = geometry.kernelSize.height * geometry.kernelSize.width
        channelHead = try head(geometry.inputChannels, 1)
        filterHead = geometry.isDepthwise ? nil : try head(geometry.outputChannels, 2)
        spatialHead = taps == 1 ? nil : try head(taps, 3)
        kernelHead = experts == 1 ? nil : try head(experts, 4)
    }

    /// `fc`, `bn`, `channel_fc` and the other heads that there are.
    public var submodules: [NamedModule] {
        let heads = [
            ("fc", reduce), ("channel_fc", channelHead), ("filter_fc", filterHead),
            ("spatial_fc", spatialHead), ("kernel_fc", kernelHead),
        ]
        var modules = heads.compactMap { name, layer in layer.map { NamedModule(name, $0) } }
        modules.insert(NamedModule("bn", norm), at: 1)
        return modules
    }

    /// Whether there is a factor per output channel.
    var hasOutputs: Bool { filterHead != nil }

    /// The attentions for `x`, `[batch, height, width, in]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Factors {
        try Shape.checkMap(x.shape, channels: reduce.geometry.inputChannels, layer: place)
        let layers = [channelHead, filterHead, spatialHead, kernelHead]
        var results: [Tensor] = []
        _ = try traced("ODConvAttention", path: label, input: x, cost: { _ in cost(x) }) {
            () throws(ProteanError) in
            let heads = layers.compactMap(\.self).map { layer in
                RoutingHead(
                    weight: layer.weight.value, bias: layer.bias?.value,
                    activation: layer === kernelHead ? .softmax : .sigmoid)
            }
            let hidden = (try foldedWeight(), try norm.scaleAndShift().shift as Tensor?)
            results = try Operations.routing(
                Operations.globalAveragePool(x), hidden: hidden, heads: heads,
                temperature: temperature, layer: place)
            return results[0]
        }
        var rest = results.makeIterator()
        let found = layers.map { $0 == nil ? nil : rest.next() }
        return Factors(inputs: results[0], outputs: found[1], taps: found[2], experts: found[3])
    }

    /// `fc.weight` multiplied by the norm's scale, `[hidden, in]`.
    private func foldedWeight() throws(ProteanError) -> Tensor {
        try folded.value(for: reduce.weight.version + norm.version) { () throws(ProteanError) in
            let weight = reduce.weight.value
            let rows = try weight.reshaped(to: [weight.shape[0], weight.shape[1]])
            let scale = try norm.scaleAndShift().scale.reshaped(to: [weight.shape[0], 1])
            return try Operations.multiply(rows, scale)
        }
    }

    private func cost(_ x: Tensor) -> Cost {
        let products = submodules.compactMap { ($0.module as? Conv2d)?.weight.count }.reduce(0, +)
        let counts = (parameters: parameterCount, buffers: norm.bufferCount)
        return Cost(
            multiplyAdds: x.shape[0] * products, parameters: counts.parameters,
            buffers: counts.buffers,
            bytes: (x.count + counts.parameters) * MemoryLayout<Float>.stride)
    }
}
