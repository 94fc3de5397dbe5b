/// ACON-C: a smooth maximum of two linear functions of a channel, with a learned switch between
/// linear and non-linear.
///
/// `y = q · sigmoid(beta[c] · q) + p2[c] · x` with `q = (p1[c] − p2[c]) · x`. Ma, Zhang, Liu, Sun,
/// "Activate or Not: Learning Customized Activation", CVPR 2021 (arXiv 2009.04759).
///
/// Input and output `[batch, …, channels]`. Parameters `p1`, `p2` and `beta`, each
/// `[1, channels, 1, 1]` as in the reference. With p1 = 1, p2 = 0, beta = 1 the layer is SiLU; for
/// a large beta it is max(p1 · x, p2 · x). Cost: three multiply-adds and an exponential per element,
/// one read and one write of the map.
public final class ACON: Layer {
    /// Channels of the map.
    public let channels: Int
    /// The slope of the first function, `[1, channels, 1, 1]`.
    public let p1: Parameter
    /// The slope of the second function, `[1, channels, 1, 1]`.
    public let p2: Parameter
    /// The switch, `[1, channels, 1, 1]`, ones at first; 0 makes the layer linear.
    public let beta: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A layer with seeded slopes in −1...1.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `channels` is
    ///   not in 1...2²⁴.
    public init(channels: Int, seed: UInt64 = 0) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "ACON")
        let shape = [1, channels, 1, 1]
        self.channels = channels
        p1 = try Parameter(uniform: shape, fanIn: 1, seed: seed, layer: "ACON")
        p2 = try Parameter(uniform: shape, fanIn: 1, seed: ~seed, layer: "ACON")
        beta = try Parameter(repeating: 1, shape: shape, layer: "ACON")
    }

    /// `p1`, `p2` and `beta`.
    public var parameters: [NamedParameter] {
        [NamedParameter("p1", p1), NamedParameter("p2", p2), NamedParameter("beta", beta)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The activated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank >= 2, x.shape.last == channels else {
            throw Shape.mismatch(
                x.shape, channels: channels, expected: "[batch, …, \(channels)]", layer: place)
        }
        return try traced(
            "ACON", path: label, input: x,
            cost: {
                var cost = Cost.moving(x, $0, parameters: parameterCount)
                cost.multiplyAdds = 3 * $0.count
                cost.executedMultiplyAdds = cost.multiplyAdds
                return cost
            }
        ) { () throws(ProteanError) in
            try Operations.acon(
                x, p1: p1.value.reshaped(to: [channels]), p2: p2.value.reshaped(to: [channels]),
                beta: beta.value.reshaped(to: [channels]))
        }
    }
}
