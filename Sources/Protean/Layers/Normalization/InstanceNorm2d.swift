/// Normalises every channel over the pixels of its sample; `torch.nn.InstanceNorm2d`, in inference.
///
/// `y = (x − mean) / √(variance + eps) · weight[c] + bias[c]`, mean and biased variance over the pixels
/// of one channel of one sample. Ulyanov, Vedaldi, Lempitsky, "Instance Normalization", arXiv
/// 1607.08022. With `tracksRunningStatistics` the stored `running_mean` and `running_var` are used
/// instead, as PyTorch does in inference: then it is a batch norm.
///
/// Input `[batch, height, width, channels]`, the same out. Parameters, `[channels]` each: `weight`
/// and `bias` with `affine`, the buffers `running_mean` and `running_var` with
/// `tracksRunningStatistics`; none by default. Without stored statistics a map of a single pixel
/// throws, as in PyTorch: all of its deviations are 0. Cost: two reads and one write of the map,
/// with stored statistics one each.
public final class InstanceNorm2d: Layer {
    /// Number of channels.
    public let channels: Int
    /// Added to the variance.
    public let eps: Double
    /// `[channels]`, ones at first; nil without `affine`.
    public let weight: Parameter?
    /// `[channels]`, zeros at first; nil without `affine`.
    public let bias: Parameter?
    /// `[channels]`, zeros at first; nil without `tracksRunningStatistics`.
    public let runningMean: Parameter?
    /// `[channels]`, ones at first; nil without `tracksRunningStatistics`.
    public let runningVar: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// The norm that uses stored statistics.
    private let stored: BatchNorm2d?

    /// A norm for 1...2²⁴ channels, by default without parameters.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int, eps: Double = 1e-5, affine: Bool = false,
        tracksRunningStatistics: Bool = false
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "InstanceNorm2d")
        try checkEpsilon(eps, layer: "InstanceNorm2d")
        self.channels = channels
        self.eps = eps
        if tracksRunningStatistics {
            let norm = try BatchNorm2d(channels: channels, eps: eps, affine: affine)
            stored = norm
            (weight, bias) = (norm.weight, norm.bias)
            (runningMean, runningVar) = (norm.runningMean, norm.runningVar)
            return
        }
        let shape = [channels]
        stored = nil
        (runningMean, runningVar) = (nil, nil)
        weight = affine ? try Parameter(repeating: 1, shape: shape, layer: "InstanceNorm2d") : nil
        bias = affine ? try Parameter(repeating: 0, shape: shape, layer: "InstanceNorm2d") : nil
    }

    /// Those of `weight`, `bias`, `running_mean`, `running_var` that the layer has.
    public var parameters: [NamedParameter] {
        [
            ("weight", weight), ("bias", bias), ("running_mean", runningMean),
            ("running_var", runningVar),
        ].compactMap { name, parameter in parameter.map { NamedParameter(name, $0) } }
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The normalised map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// The activation of the normalised map, in the same pass.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        guard stored != nil || x.shape[1] * x.shape[2] != 1 else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "more than one pixel: a single one has no deviations", found: x.shape)
        }
        return try traced(
            "InstanceNorm2d", path: label, input: x,
            cost: { cost(x, $0) }
        ) { () throws(ProteanError) in
            guard let stored else {
                return try Operations.groupNorm(
                    x, groups: channels, weight: weight?.value, bias: bias?.value, eps: eps,
                    activation: activation, layer: place)
            }
            let affine = try stored.scaleAndShift()
            return try Operations.scaleShift(
                x, scale: affine.scale, shift: affine.shift, activation: activation)
        }
    }

    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        stored == nil
            ? .normalising(x, y, parameters: parameterCount)
            : .moving(x, y, parameters: parameterCount, buffers: bufferCount)
    }
}
