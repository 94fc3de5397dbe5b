/// A gate that decides from a block's input whether the block runs.
///
/// `s = fc2(relu(fc1bn(fc1(mean(x)))))`; the scores are the softmax of s. In inference the block runs
/// where the second entry is the larger one; ``Rule/sample(seed:site:)`` on the same scores draws as
/// the published code does in inference, too (a Gumbel maximum of s is a draw with the softmax as
/// probabilities). Veit, Belongie, "Convolutional Networks with Adaptive Inference Graphs", arXiv
/// 1711.11503.
///
/// Input `[batch, height, width, channels]`; scores `[batch, 2]`: pass, run. Parameters, in the block
/// that has the gate: `fc1` `[hidden, channels, 1, 1]`, `fc1bn`, `fc2` `[2, hidden, 1, 1]` with the
/// initial bias (0.1, 2), so that a block runs with probability 0.870. Cost: batch · hidden ·
/// (channels + 2) multiply-adds.
public final class AdaptiveInferenceGate: DecisionGate, Layer {
    /// Where the gate stands in a model.
    public let label: Label? = Label()
    /// `fc1`, `fc1bn`, `fc2`.
    public let submodules: [NamedModule]

    private let fc1: FusedConv2d
    private let fc2: GateScores

    /// A gate with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, hidden: Int = 16, seed: UInt64 = 0) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "AdaptiveInferenceGate")
        try checkChannels(hidden, "hidden", layer: "AdaptiveInferenceGate")
        let conv = try Conv2d(
            inputChannels: channels, outputChannels: hidden, kernelSize: 1, seed: seed)
        let norm = try BatchNorm2d(channels: hidden)
        fc1 = try FusedConv2d(conv, norm, .relu)
        fc2 = try GateScores(hidden: hidden, seed: seed &+ 1)
        submodules = [
            NamedModule("fc1", conv), NamedModule("fc1bn", norm), NamedModule("fc2", fc2),
        ]
    }

    /// The probabilities of passing and of running, `[batch, 2]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: place)
        let hidden = try fc1(try x.pooledPixel())
        let scores = try fc2(hidden)
        return try Operations.softmax(try scores.reshaped(to: [x.shape[0], 2]))
    }

    /// ``scores(_:)``.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try scores(x) }
}

/// The last convolution of a gate, whose initial values fresh values of a network do not replace.
private final class GateScores: Layer, HasInitialWeights {
    private let conv: Conv2d

    init(hidden: Int, seed: UInt64) throws(ProteanError) {
        let layer = "AdaptiveInferenceGate"
        let geometry = try Conv2dGeometry(
            inputChannels: hidden, outputChannels: 2, kernelSize: 1)
        let bias = try Parameter(repeating: 0, shape: [2], layer: layer)
        try bias.set(try Tensor([0.1, 2], shape: [2]))
        // Uniform with the deviation 0.001 of the reference's normal values.
        let weight = try Parameter(
            uniform: geometry.weightShape, in: -0.001732...0.001732, seed: seed, layer: layer)
        conv = Conv2d(geometry: geometry, weight: weight, bias: bias)
    }

    var label: Label? { conv.label }
    var parameters: [NamedParameter] { conv.parameters }
    var initialWeights: [InitialWeight] { [] }
    var initializesParts: Bool { false }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try conv(x) }
}
