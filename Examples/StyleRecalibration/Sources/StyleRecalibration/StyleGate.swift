import Protean

/// Style-based recalibration: a gate per channel, made from the channel's mean and deviation.
///
/// `y[n, …, c] = x[n, …, c] · sigmoid(norm(mean[n, c] · w[c, 0] + deviation[n, c] · w[c, 1]))`, with the
/// unbiased standard deviation over the map and a batch norm over the channels. Lee, Kim, Nam, "SRM: A
/// Style-based Recalibration Module for Convolutional Neural Networks", arXiv 1903.10829.
///
/// A gate of your own; the library has the same layer as `StyleRecalibration`.
///
/// Input and output `[batch, height, width, channels]`. Parameters: `cfc.weight` `[channels, 1, 2]`,
/// which PyTorch keeps as a `Conv1d` with a group per channel, and the batch norm `bn`.
public final class StyleGate: Layer, Gate {
    /// Channels of the map.
    public let channels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let integration: ChannelwiseLinear
    private let norm: BatchNorm1d

    /// A layer whose gates are one half: weights of 0.
    public init(channels: Int) throws(ProteanError) {
        self.channels = channels
        integration = try ChannelwiseLinear(channels: channels, inputs: 2)
        norm = try BatchNorm1d(channels: channels)
    }

    /// `cfc` and `bn`.
    public var submodules: [NamedModule] {
        [NamedModule("cfc", integration), NamedModule("bn", norm)]
    }

    /// The channels stay.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gated map.
    ///
    /// - Throws: `ProteanError` when `x` is not a map of the layer's channels.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, residual: nil, activation: .identity)
    }

    /// activation(gate · x + residual), in one pass over the map.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try scaling(x, byGatesOf: x, residual: residual, activation: activation)
    }

    /// The gate of every sample and channel, `[batch, channels]`.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, x.shape[3] == channels else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, height, width, \(channels)]",
                found: x.shape)
        }
        let mean = try x.mean(axes: [1, 2])
        let deviation = try x.standardDeviation(axes: [1, 2])
        let style = try Operations.stack([mean, deviation], axis: -1)
        return try Operations.activate(norm(integration(style)), .sigmoid)
    }
}

/// One weighted sum for each channel: `y[…, c] = Σ_j x[…, c, j] · weight[c, 0, j]`.
///
/// `torch.nn.Conv1d` with a group per channel, no bias, and a kernel as long as its input.
final class ChannelwiseLinear: Layer {
    private let weight: Parameter
    let label: Label? = Label()

    init(channels: Int, inputs: Int) throws(ProteanError) {
        weight = Parameter(try Tensor(zeros: [channels, 1, inputs]))
    }

    var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let factors = try weight.value.squeezed(axes: [1])
        return try traced(typeName, path: label, input: x, cost: { _ in cost(x) }) {
            () throws(ProteanError) in try (x * factors).sum(axes: [-1])
        }
    }

    private func cost(_ x: Tensor) -> Cost {
        Cost(
            multiplyAdds: x.count, parameters: weight.count,
            bytes: (x.count + weight.count) * MemoryLayout<Float>.stride)
    }
}
