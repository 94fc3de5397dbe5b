/// Binary gates of many units from one vector of features: the gates of GaterNet.
///
/// `a = clip(1.2 · sigmoid(decoder(relu(encoder(f)))) − 0.1, 0, 1)`, a unit is on where a > 0.5; the
/// saturating sigmoid reaches 0 and 1 at ∓2.4. Improved semantic hashing (Kaiser, Bengio, "Discrete
/// Autoencoders for Sequence Models", arXiv 1801.09797) in its inference form, without noise, behind a
/// bottleneck that keeps the number of weights small: Chen, Li, Bengio, Si, "You Look Twice: GaterNet for
/// Dynamic Filter Selection in CNNs", arXiv 1811.11205.
///
/// Input `[batch, features]`, result `[batch, units]` of zeros and ones. Parameters `encoder.*`
/// `[bottleneck, features]` and `decoder.*` `[units, bottleneck]`. Cost:
/// bottleneck · (features + units) multiply-adds per row.
public final class SemanticHashGate: Layer, DecisionGate {
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let encoder, decoder: Linear

    /// A gate with seeded initial values.
    ///
    /// - Parameters:
    ///   - features: size of the input.
    ///   - bottleneck: size between the two layers.
    ///   - units: number of gates, all filters of a network for instance.
    ///   - seed: for the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        features: Int, bottleneck: Int = 256, units: Int, seed: UInt64 = 0
    ) throws(ProteanError) {
        for (option, value) in [
            ("features", features), ("bottleneck", bottleneck), ("units", units),
        ] { try checkChannels(value, option, layer: "SemanticHashGate") }
        encoder = try Linear(inputFeatures: features, outputFeatures: bottleneck, seed: seed)
        decoder = try Linear(inputFeatures: bottleneck, outputFeatures: units, seed: seed &+ 1)
    }

    /// `encoder` and `decoder`.
    public var submodules: [NamedModule] {
        [NamedModule("encoder", encoder), NamedModule("decoder", decoder)]
    }

    /// The saturating sigmoid before it is made binary, `[batch, units]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        let sigmoid = try decoder(try encoder(x, activation: .relu), activation: .sigmoid)
        let units = decoder.outputFeatures
        let stretched = try Operations.scaleShift(
            sigmoid, scale: Tensor(repeating: 1.2, shape: [units]),
            shift: Tensor(repeating: -0.1, shape: [units]))
        return try Operations.clamp(stretched, low: 0, high: 1)
    }

    /// The gates, `[batch, units]` of zeros and ones.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let scores = try scores(x)
        return try Operations.greater(scores, Tensor(repeating: 0.5, shape: [1]))
    }
}
