/// Gated channel transformation (GCT): channels are scaled by how strong they are compared with the
/// others.
///
/// With s[c] = √(Σ x² + eps) over the pixels and e = alpha[c] · s[c],
/// `y = x · (1 + tanh(e · gamma[c] / √(mean of e² over the channels + eps) + beta[c]))`; in the l1
/// form s = Σ |x| and the divisor is the mean of |e| plus eps. Yang, Zhu, Wu, Yang, "Gated Channel
/// Transformation for Visual Recognition", arXiv 1909.11519.
///
/// Input and output `[batch, height, width, channels]`. Parameters `alpha`, `gamma` and `beta`
/// `[1, channels, 1, 1]`. Norms are *sums* over the pixels, so s grows with the size of the map.
/// Cost: two reads and one write of the map, one multiply-add per element. A new layer is the
/// identity: gamma and beta are 0. Constant, one-pixel and one-channel maps need no special care.
public final class GatedChannelTransformation: SelfGating {
    /// How the strength of a channel is measured.
    public enum Mode: String, Sendable, CaseIterable {
        /// By the root of the sum of squares.
        case l2
        /// By the sum of absolute values.
        case l1
    }

    /// Channels of the map.
    public let channels: Int
    /// How the strength of a channel is measured.
    public let mode: Mode
    /// In mode l1: the sum of the values themselves is taken, which are not negative after a ReLU.
    public let isAfterReLU: Bool
    /// Added under the roots, or to the divisor.
    public let eps: Double
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let alpha, gamma, beta: Parameter

    /// A layer that is the identity, for 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``; `eps` is finite and
    ///   at least 0.
    public init(
        channels: Int, mode: Mode = .l2, isAfterReLU: Bool = false, eps: Double = 1e-5
    ) throws(ProteanError) {
        let layer = "GatedChannelTransformation"
        try checkChannels(channels, "channels", layer: layer)
        try checkEpsilon(eps, layer: layer)
        self.channels = channels
        self.mode = mode
        self.isAfterReLU = isAfterReLU
        self.eps = eps
        func parameter(_ value: Float) throws(ProteanError) -> Parameter {
            try Parameter(repeating: value, shape: [1, channels, 1, 1], layer: layer)
        }
        alpha = try parameter(1)
        gamma = try parameter(0)
        beta = try parameter(0)
    }

    /// `alpha`, `gamma`, `beta`.
    public var parameters: [NamedParameter] {
        [
            NamedParameter("alpha", alpha), NamedParameter("gamma", gamma),
            NamedParameter("beta", beta),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        return try traced(typeName, path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            func row(_ parameter: Parameter) throws(ProteanError) -> Tensor {
                try parameter.value.reshaped(to: [channels])
            }
            return try Operations.channelCompetition(
                strengths(of: x), alpha: row(alpha), gamma: row(gamma), beta: row(beta),
                isAbsolute: mode == .l1, eps: eps)
        }
    }

    /// `[batch, channels]`.
    private func strengths(of x: Tensor) throws(ProteanError) -> Tensor {
        let flat = [x.shape[0], channels]
        switch mode {
        case .l2: return try Operations.channelStatistics(x, .l2, eps: eps).reshaped(to: flat)
        case .l1 where !isAfterReLU:
            return try Operations.channelStatistics(x, .l1).reshaped(to: flat)
        case .l1:
            let pixels = Float(x.shape[1] * x.shape[2])
            return try Operations.multiply(
                Operations.globalAveragePool(x), Tensor(repeating: pixels, shape: [1]))
        }
    }

    private func cost(_ x: Tensor, _ gates: Tensor) -> Cost {
        Cost(
            multiplyAdds: x.count + 3 * gates.count, parameters: 3 * channels,
            bytes: (x.count + gates.count + 3 * channels) * MemoryLayout<Float>.stride)
    }
}
