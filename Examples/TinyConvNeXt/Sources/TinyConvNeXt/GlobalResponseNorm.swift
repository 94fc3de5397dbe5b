import Protean

/// Global response normalisation: channels that respond strongly are enhanced, others held down.
///
/// `y = x · (1 + weight[c] · n[c]) + bias[c]`, where n is the L2 norm of the channel's map divided by
/// the mean of all channels' norms. Woo et al., arXiv 2301.00808. Input and output
/// `[batch, height, width, channels]`.
public final class GlobalResponseNorm: Layer {
    /// Channels of the map.
    public let channels: Int
    /// `[1, 1, 1, channels]`, zeros at first.
    public let weight: Parameter
    /// `[1, 1, 1, channels]`, zeros at first.
    public let bias: Parameter
    /// Where the layer stands in a model; errors and traces name it by that.
    public let label: Label? = Label()

    /// A layer that changes nothing until it is loaded.
    public init(channels: Int) throws(ProteanError) {
        guard channels >= 1 else {
            throw .invalidOption(
                layer: "GlobalResponseNorm", option: "channels", expected: "at least 1",
                found: "\(channels)")
        }
        self.channels = channels
        weight = Parameter(try Tensor(zeros: [1, 1, 1, channels]))
        bias = Parameter(try Tensor(zeros: [1, 1, 1, channels]))
    }

    /// Names and shapes are those of the reference's `state_dict`.
    public var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    /// With this, containers refuse neighbours that cannot fit.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The normalised map, of the input's shape.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, x.shape[3] == channels else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, height, width, \(channels)]",
                found: x.shape)
        }
        return try traced(typeName, path: label, input: x, cost: cost) { () throws(ProteanError) in
            let norms = try x.norm(axes: [1, 2], keepDimensions: true)
            let shares = try norms / (norms.mean(axes: [3], keepDimensions: true) + 1e-6)
            return try x * (weight.value * shares + 1) + bias.value
        }
    }

    private func cost(_ y: Tensor) -> Cost {
        let numbers = 2 * y.count + parameterCount
        return Cost(
            multiplyAdds: 2 * y.count, parameters: parameterCount,
            bytes: numbers * MemoryLayout<Float>.stride)
    }
}
