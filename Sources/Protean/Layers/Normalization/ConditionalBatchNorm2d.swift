/// Batch normalisation whose scale and shift come from a condition, in inference.
///
/// `y[n, h, w, c] = scale[n, c] · (x − mean[c]) / √(variance[c] + eps) + shift[n, c]`, with stored
/// means and variances. de Vries et al., "Modulating early visual processing by language", NIPS 2017
/// (arXiv 1707.00683); Dumoulin, Shlens, Kudlur (arXiv 1610.07629).
///
/// - ``Variant/classes``: the condition is a class per sample, `[batch]`; `embed.weight`
///   `[classes, 2 · channels]` has scales, then shifts. Buffers `bn.running_mean`, `bn.running_var`.
/// - ``Variant/linear``: the condition is a vector, `[batch, features]`;
///   `scale = 1 + W_gain · condition`, `shift = W_bias · condition`, parameters `gain.weight`,
///   `bias.weight` `[channels, features]`, buffers `stored_mean`, `stored_var`, as BigGAN (arXiv
///   1809.11096) names them.
///
/// Input `[batch, height, width, channels]`, the same out. Cost: one multiply-add per element, one read
/// and one write of the map.
public final class ConditionalBatchNorm2d: Module {
    /// Where scales and shifts come from.
    public enum Variant: String, Sendable, CaseIterable {
        /// A table of classes.
        case classes
        /// Two linear layers on a vector.
        case linear
    }

    /// Channels of the map.
    public let channels: Int
    /// Number of classes, or of the condition's numbers.
    public let conditions: Int
    /// Where scales and shifts come from.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let norm: BatchNorm2d
    private let embed: Embedding?
    private let gain, bias: Linear?

    /// A norm with stored means 0 and variances 1 until it is loaded.
    ///
    /// - Parameters:
    ///   - channels: channels of the map, 1...2²⁴.
    ///   - conditions: number of classes, or of the condition's numbers.
    ///   - variant: where scales and shifts come from.
    ///   - eps: added to the variances.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, conditions: Int, variant: Variant = .classes, eps: Double = 1e-5,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "ConditionalBatchNorm2d")
        try checkChannels(conditions, "conditions", layer: "ConditionalBatchNorm2d")
        norm = try BatchNorm2d(channels: channels, eps: eps, affine: false)
        self.channels = channels
        self.conditions = conditions
        self.variant = variant
        let isLinear = variant == .linear
        embed =
            isLinear
            ? nil : try Embedding(count: conditions, channels: 2 * channels, seed: seed)
        func linear(_ seed: UInt64) throws(ProteanError) -> Linear? {
            guard isLinear else { return nil }
            return try Linear(
                inputFeatures: conditions, outputFeatures: channels, bias: false, seed: seed)
        }
        gain = try linear(seed)
        bias = try linear(seed &+ 1)
    }

    /// The stored statistics of the variant `linear`.
    public var parameters: [NamedParameter] {
        guard variant == .linear else { return [] }
        return [
            NamedParameter("stored_mean", norm.runningMean),
            NamedParameter("stored_var", norm.runningVar),
        ]
    }

    /// `bn` and `embed`, or `gain` and `bias`.
    public var submodules: [NamedModule] {
        var modules: [NamedModule] = []
        if let embed { modules = [NamedModule("bn", norm), NamedModule("embed", embed)] }
        if let gain { modules.append(NamedModule("gain", gain)) }
        if let bias { modules.append(NamedModule("bias", bias)) }
        return modules
    }

    /// The normalised map.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - condition: the samples' classes `[batch]`, or vectors `[batch, conditions]`.
    ///   - activation: applied last, in the same pass.
    /// - Throws: ``ProteanError`` when a tensor does not fit or a class is not in 0..<classes.
    public func callAsFunction(
        _ x: Tensor, condition: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let expected = variant == .classes ? [x.shape[0]] : [x.shape[0], conditions]
        guard condition.shape == expected else {
            throw .shapeMismatch(
                layer: place, tensor: "condition", expected: "\(expected)", found: condition.shape)
        }
        let (scale, shift) = try modulation(of: condition)
        // scale · (x · s + t) + shift, the products of short rows first.
        let stored = try norm.scaleAndShift()
        let factor = try Operations.multiply(scale, stored.scale)
        let term = try Operations.add(try Operations.multiply(scale, stored.shift), shift)
        return try traced(
            "ConditionalBatchNorm2d", path: label, input: x,
            cost: {
                Cost(
                    multiplyAdds: $0.count, buffers: norm.bufferCount,
                    bytes: 8 * $0.count + 4 * norm.bufferCount)
            }
        ) { () throws(ProteanError) in
            try Operations.scaleShift(x, scale: factor, shift: term, activation: activation)
        }
    }

    /// The scales and shifts for a condition, `[batch, channels]` each.
    private func modulation(
        of condition: Tensor
    ) throws(ProteanError) -> (scale: Tensor, shift: Tensor) {
        if let embed {
            let both = try embed(condition)
            return (
                try both.slice(axis: 1, from: 0, to: channels),
                try both.slice(axis: 1, from: channels, to: 2 * channels)
            )
        }
        guard let gain, let bias else { return (condition, condition) }
        let one = try Tensor(repeating: 1, shape: [1])
        return (try Operations.add(try gain(condition), one), try bias(condition))
    }
}
