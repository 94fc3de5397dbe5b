/// Meta-ACON: ``ACON`` whose switch is computed from the channels' means.
///
/// `y = q · sigmoid(β · q) + p2[c] · x` with `q = (p1[c] − p2[c]) · x` and, per sample and channel,
/// `β = sigmoid(bn2(fc2(bn1(fc1(mean(x))))))`; there is no activation between the two convolutions.
/// Ma, Zhang, Liu, Sun, "Activate or Not: Learning Customized Activation", CVPR 2021 (arXiv
/// 2009.04759).
///
/// Input and output `[batch, height, width, channels]`. Parameters `p1`, `p2` `[1, channels, 1, 1]`,
/// 1 × 1 convolutions `fc1`, `fc2` with biases and batch norms `bn1`, `bn2` of width
/// max(reduction, channels / reduction) and channels, in inference with their stored statistics.
/// Cost: that of the two small layers, three multiply-adds and an exponential per element, and one
/// read and one write of the map in addition to the pooling's read.
public final class MetaACON: Layer {
    /// Channels of the map.
    public let channels: Int
    /// The slope of the first function, `[1, channels, 1, 1]`.
    public let p1: Parameter
    /// The slope of the second function, `[1, channels, 1, 1]`.
    public let p2: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let first, second: Conv2d
    private let firstNorm, secondNorm: BatchNorm2d
    private let reduce, expand: FusedConv2d

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - reduction: channels over the width between the two convolutions, which is not below
    ///     `reduction` itself.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, reduction: Int = 16, seed: UInt64 = 0) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "MetaACON")
        try checkChannels(reduction, "reduction", layer: "MetaACON")
        let shape = [1, channels, 1, 1], width = max(reduction, channels / reduction)
        self.channels = channels
        p1 = try Parameter(uniform: shape, fanIn: 1, seed: seed, layer: "MetaACON")
        p2 = try Parameter(uniform: shape, fanIn: 1, seed: ~seed, layer: "MetaACON")
        first = try Conv2d(
            inputChannels: channels, outputChannels: width, kernelSize: 1, seed: seed &+ 1)
        second = try Conv2d(
            inputChannels: width, outputChannels: channels, kernelSize: 1, seed: seed &+ 2)
        firstNorm = try BatchNorm2d(channels: width)
        secondNorm = try BatchNorm2d(channels: channels)
        reduce = try FusedConv2d(first, firstNorm)
        expand = try FusedConv2d(second, secondNorm, .sigmoid)
    }

    /// `p1` and `p2`.
    public var parameters: [NamedParameter] {
        [NamedParameter("p1", p1), NamedParameter("p2", p2)]
    }

    /// `fc1`, `bn1`, `fc2` and `bn2`.
    public var submodules: [NamedModule] {
        [
            NamedModule("fc1", first), NamedModule("bn1", firstNorm), NamedModule("fc2", second),
            NamedModule("bn2", secondNorm),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The switches of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func switches(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let pooled = try Operations.globalAveragePool(x)
        let row = try pooled.reshaped(to: [x.shape[0], 1, 1, channels])
        return try expand(try reduce(row)).reshaped(to: [x.shape[0], channels])
    }

    /// The activated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let beta = try switches(of: x)
        return try traced(
            "MetaACON", path: label, input: x,
            cost: {
                var cost = Cost.moving(x, $0, parameters: p1.count + p2.count)
                cost.multiplyAdds = 3 * $0.count
                cost.executedMultiplyAdds = cost.multiplyAdds
                return cost
            }
        ) { () throws(ProteanError) in
            try Operations.acon(
                x, p1: p1.value.reshaped(to: [channels]), p2: p2.value.reshaped(to: [channels]),
                beta: beta)
        }
    }
}
