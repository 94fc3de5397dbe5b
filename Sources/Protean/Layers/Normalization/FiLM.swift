/// Feature-wise linear modulation: every channel of a sample gets a scale and a shift from a
/// condition.
///
/// `y[n, h, w, c] = gammas[n, c] · x + betas[n, c]`. Perez, Strub, de Vries, Dumoulin, Courville,
/// "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018 (arXiv 1709.07871).
///
/// Input `[batch, height, width, channels]`, or any `[batch, …, channels]`, and `gammas`, `betas`
/// `[batch, channels]`, which a network of your own computes; the same shape as `x` out. With
/// ``init(channels:conditionFeatures:offset:seed:)`` the layer computes both from a condition by a
/// linear layer, `film` (`weight` `[2 · channels, features]`, `bias`), whose outputs are gammas, then
/// betas. Cost: one multiply-add per element, one read and one write of the map.
public final class FiLM: Module {
    /// Channels of the map.
    public let channels: Int
    /// Added to the gammas that the layer computes: 1 for scales around 1.
    public let offset: Double
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let linear: Linear?

    /// A layer that takes gammas and betas, for 1...2²⁴ channels.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "FiLM")
        self.channels = channels
        offset = 0
        linear = nil
    }

    /// A layer that computes gammas and betas from a condition of `conditionFeatures` numbers.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, conditionFeatures: Int, offset: Double = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "FiLM")
        try checkChannels(conditionFeatures, "conditionFeatures", layer: "FiLM")
        guard offset.isFinite else {
            throw .invalidOption(
                layer: "FiLM", option: "offset", expected: "a finite number", found: "\(offset)")
        }
        self.channels = channels
        self.offset = offset
        linear = try Linear(
            inputFeatures: conditionFeatures, outputFeatures: 2 * channels, seed: seed)
    }

    /// `film`, if the layer computes gammas and betas.
    public var submodules: [NamedModule] { linear.map { [NamedModule("film", $0)] } ?? [] }

    /// activation(gammas · x + betas).
    ///
    /// - Parameters:
    ///   - x: `[batch, …, channels]`.
    ///   - gammas: `[batch, channels]`.
    ///   - betas: `[batch, channels]`.
    ///   - activation: applied last, in the same pass.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, gammas: Tensor, betas: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        guard x.rank >= 2, x.shape.last == channels else {
            throw Shape.mismatch(
                x.shape, channels: channels, expected: "[batch, …, \(channels)]", layer: place)
        }
        let shape = [x.shape[0], channels]
        for (name, tensor) in [("gammas", gammas), ("betas", betas)] where tensor.shape != shape {
            throw .shapeMismatch(
                layer: place, tensor: name, expected: "\(shape)", found: tensor.shape)
        }
        return try traced(
            "FiLM", path: label, input: x,
            cost: { Cost(multiplyAdds: $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.scaleShift(x, scale: gammas, shift: betas, activation: activation)
        }
    }

    /// activation(gammas · x + betas), both computed from `condition`.
    ///
    /// - Parameters:
    ///   - x: `[batch, …, channels]`.
    ///   - condition: `[batch, conditionFeatures]`.
    ///   - activation: applied last, in the same pass.
    /// - Throws: ``ProteanError`` when a tensor does not fit or the layer has no linear layer.
    public func callAsFunction(
        _ x: Tensor, condition: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let (gammas, betas) = try modulation(of: condition)
        return try callAsFunction(x, gammas: gammas, betas: betas, activation: activation)
    }

    /// The scales and shifts for a condition, `[batch, channels]` each.
    ///
    /// - Throws: ``ProteanError`` when it does not fit or the layer has no linear layer.
    public func modulation(
        of condition: Tensor
    ) throws(ProteanError) -> (gammas: Tensor, betas: Tensor) {
        guard let linear else {
            throw .invalidOption(
                layer: place, option: "conditionFeatures",
                expected: "a number, for a layer that computes gammas and betas", found: "none")
        }
        return try Self.halves(of: condition, linear, offset: offset, layer: place)
    }

    /// The first half of a linear layer's outputs plus `offset`, and the second half.
    static func halves(
        of condition: Tensor, _ linear: Linear, offset: Double, layer: String
    ) throws(ProteanError) -> (gammas: Tensor, betas: Tensor) {
        guard condition.rank == 2, condition.shape[1] == linear.inputFeatures else {
            throw .shapeMismatch(
                layer: layer, tensor: "condition",
                expected: "[batch, \(linear.inputFeatures)]", found: condition.shape)
        }
        let both = try linear(condition), channels = linear.outputFeatures / 2
        let gammas = try both.slice(axis: 1, from: 0, to: channels)
        let betas = try both.slice(axis: 1, from: channels, to: 2 * channels)
        if offset == 0 { return (gammas, betas) }
        return (
            try Operations.add(gammas, try Tensor(repeating: Float(offset), shape: [1])), betas
        )
    }
}
