/// Normalises groups of channels, each over all pixels of a sample; `torch.nn.GroupNorm`.
///
/// `y = (x − mean) / √(variance + eps) · weight[c] + bias[c]`, mean and biased variance over the pixels
/// and the `channels / groups` neighbouring channels of a group. Wu, He, "Group Normalization", ECCV
/// 2018 (arXiv 1803.08494). One group is layer normalisation over a whole map, one group per channel
/// instance normalisation.
///
/// Input `[batch, height, width, channels]`, or any `[batch, …, channels]`, the same out.
/// Parameters: `weight` and `bias`, `[channels]` each; without `affine` there are none, as if they
/// were 1 and 0. The same statistics are computed in training and inference, so that a sample does
/// not depend on its batch.
///
/// Sums are taken around local means and combined in double precision: even a mean of 10⁴ with a
/// variance of 1 does not reduce the accuracy. Cost: two reads and one write of the map, three
/// multiply-adds per element.
public final class GroupNorm: Layer {
    /// Number of groups, a divisor of the channels.
    public let groups: Int
    /// Number of channels.
    public let channels: Int
    /// Added to the variance.
    public let eps: Double
    /// `[channels]`, ones at first; nil without `affine`.
    public let weight: Parameter?
    /// `[channels]`, zeros at first; nil without `affine`.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A norm with weights 1 and biases 0, for 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        groups: Int, channels: Int, eps: Double = 1e-5, affine: Bool = true
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "GroupNorm")
        guard groups >= 1, channels % groups == 0 else {
            throw .invalidOption(
                layer: "GroupNorm", option: "groups",
                expected: "a divisor of the \(channels) channels", found: "\(groups)")
        }
        try checkEpsilon(eps, layer: "GroupNorm")
        self.groups = groups
        self.channels = channels
        self.eps = eps
        let shape = [channels]
        weight = affine ? try Parameter(repeating: 1, shape: shape, layer: "GroupNorm") : nil
        bias = affine ? try Parameter(repeating: 0, shape: shape, layer: "GroupNorm") : nil
    }

    /// `weight` and `bias`; none without `affine`.
    public var parameters: [NamedParameter] {
        [("weight", weight), ("bias", bias)].compactMap { name, parameter in
            parameter.map { NamedParameter(name, $0) }
        }
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The normalised `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// The activation of the normalised `x`, in the same pass.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard x.rank >= 2, x.shape.last == channels else {
            throw Shape.mismatch(
                x.shape, channels: channels, expected: "[batch, …, \(channels)]", layer: place)
        }
        return try traced(
            "GroupNorm", path: label, input: x,
            cost: { .normalising(x, $0, parameters: parameterCount) }
        ) { () throws(ProteanError) in
            try Operations.groupNorm(
                x, groups: groups, weight: weight?.value, bias: bias?.value, eps: eps,
                activation: activation, layer: place)
        }
    }
}

extension Cost {
    /// A pass that sums values, one that sums squared deviations and one that scales.
    static func normalising(
        _ x: Tensor, _ y: Tensor, parameters: Int, buffers: Int = 0
    ) -> Cost {
        var cost = moving(x, y, parameters: parameters, buffers: buffers)
        cost.multiplyAdds = 3 * y.count
        cost.executedMultiplyAdds = cost.multiplyAdds
        return cost
    }
}
