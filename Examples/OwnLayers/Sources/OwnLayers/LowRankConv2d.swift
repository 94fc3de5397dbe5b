import Protean

/// A convolution whose weights are the product of two small matrices, which is computed and packed
/// once, not in every call.
///
/// `y = conv(x, reshape(up · down)) + bias` with `up` `[out, rank]` and `down`
/// `[rank, in · height · width]`, as in LoRA (Hu et al., arXiv 2106.09685).
public final class LowRankConv2d: Layer {
    private struct Key: Equatable, Sendable {
        var packing: Conv2dPacking
        var up, down, bias: Int
    }

    /// Channels, kernel size, stride and padding.
    public let geometry: Conv2dGeometry
    /// `[out, rank]`.
    public let up: Parameter
    /// `[rank, in · height · width]`.
    public let down: Parameter
    /// `[out]`.
    public let bias: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// One entry for each instruction set and algorithm that inputs may switch between.
    private let packed = Derived<Key, PackedConv2d>(capacity: 4)

    /// A layer of zeros, to be loaded.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, rank: Int,
        stride: Size2d = 1, padding: Padding2d = 0
    ) throws(ProteanError) {
        guard rank >= 1, rank <= outputChannels else {
            throw .invalidOption(
                layer: "LowRankConv2d", option: "rank", expected: "1...\(outputChannels)",
                found: "\(rank)")
        }
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, layer: "LowRankConv2d")
        up = Parameter(try Tensor(zeros: [outputChannels, rank]))
        down = Parameter(try Tensor(zeros: [rank, geometry.fanIn]))
        bias = Parameter(try Tensor(zeros: [outputChannels]))
    }

    /// `up`, `down` and `bias`.
    public var parameters: [NamedParameter] {
        [
            NamedParameter("up", up), NamedParameter("down", down), NamedParameter("bias", bias),
        ]
    }

    /// Those of the geometry.
    public var channelFlow: ChannelFlow {
        .fixed(input: geometry.inputChannels, output: geometry.outputChannels)
    }

    /// The convolution of `x`, `[batch, height, width, inputChannels]`.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let weights = try weights(for: x.shape)
        return try traced(typeName, path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            try Operations.conv2d(x, packed: weights, layer: place)
        }
    }

    /// Made again after a parameter has changed: its version grows with every new value.
    private func weights(for input: [Int]) throws(ProteanError) -> PackedConv2d {
        let packing = try geometry.packing(for: input, layer: place)
        let key = Key(
            packing: packing, up: up.version, down: down.version, bias: bias.version)
        return try packed.value(for: key) { () throws(ProteanError) in
            let product = try up.value.matmul(down.value)
            return try PackedConv2d(
                weight: product.reshaped(to: geometry.weightShape), bias: bias.value,
                geometry: geometry, packing: packing, layer: place)
        }
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: y.count * geometry.fanIn, parameters: parameterCount,
            bytes: (x.count + y.count + parameterCount) * MemoryLayout<Float>.stride)
    }
}
