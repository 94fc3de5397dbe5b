/// Style-based recalibration (SRM): a gate per channel from the channel's mean and deviation.
///
/// `y = x · sigmoid(norm(w[c, 0] · mean + w[c, 1] · deviation))` with the batch norm `bn` on its
/// stored statistics. Lee, Kim, Nam, "SRM: A Style-based Recalibration Module for Convolutional
/// Neural Networks", arXiv 1903.10829.
///
/// Input and output `[batch, height, width, channels]`. Mean and unbiased standard deviation are
/// taken in one read of the map, and remain exact where the mean is far larger than the deviation. A
/// map of one pixel has no unbiased variance; it counts as 0, where the references give NaN. Weights
/// and norm are folded into one sum per channel. Cost: two reads and one write of the map, and two
/// multiply-adds per channel. A new layer has weights of 0, and gates of sigmoid(bias of the norm):
/// one half.
public final class StyleRecalibration: SelfGating {
    /// The reference whose parameter names, shapes and epsilon a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// The authors' module: `cfc` `[channels, 2]`, deviation √(variance + 1e-5).
        case official
        /// SRMnet's module: `cfc.weight` `[channels, 1, 2]`, deviation √variance.
        case grouped
    }

    /// Channels of the map.
    public let channels: Int
    /// Names and shapes of the parameters.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let weight: Parameter
    /// The norm of either variant; the names of their parameters are the same.
    private let norm: BatchNorm2d
    private let folded = Derived<Int, (weight: Tensor, shift: Tensor)>()

    /// A layer whose gates are one half, for 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, variant: Variant = .official) throws(ProteanError) {
        let layer = "StyleRecalibration"
        try checkChannels(channels, "channels", layer: layer)
        self.channels = channels
        self.variant = variant
        weight = try Parameter(
            repeating: 0, shape: variant == .official ? [channels, 2] : [channels, 1, 2],
            layer: layer)
        norm = try BatchNorm2d(channels: channels)
    }

    /// `cfc`, or `cfc.weight`.
    public var parameters: [NamedParameter] {
        [NamedParameter(variant == .official ? "cfc" : "cfc.weight", weight)]
    }

    /// `bn`.
    public var submodules: [NamedModule] { [NamedModule("bn", norm)] }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        return try traced(typeName, path: label, input: x, cost: { cost(x, $0) }) {
            () throws(ProteanError) in
            let style = try Operations.channelStatistics(
                x, [.mean, .deviation], eps: variant == .official ? 1e-5 : 0)
            let folded = try self.folded.value(for: weight.version + norm.version) {
                () throws(ProteanError) in try fold()
            }
            return try Operations.channelMixture(
                style, weight: folded.weight, shift: folded.shift, activation: .sigmoid)
        }
    }

    /// Weights times the norm's scale, `[2, channels]`, and its shift.
    private func fold() throws(ProteanError) -> (weight: Tensor, shift: Tensor) {
        let (scale, shift) = try norm.scaleAndShift()
        let rows = try Operations.permute(weight.value.reshaped(to: [channels, 2]), [1, 0])
        return (try Operations.multiply(rows, scale), shift)
    }

    private func cost(_ x: Tensor, _ gates: Tensor) -> Cost {
        let parameters = weight.count + norm.parameterCount
        return Cost(
            multiplyAdds: 2 * gates.count, parameters: parameters, buffers: norm.bufferCount,
            bytes: (x.count + gates.count + parameters) * MemoryLayout<Float>.stride)
    }
}
