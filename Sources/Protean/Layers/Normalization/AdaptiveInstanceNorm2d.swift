/// Adaptive instance normalisation: the channels of a sample are normalised over its pixels and get
/// scales and shifts from a style.
///
/// `y = (x − mean) / √(variance + eps) · scale[n, c] + shift[n, c]`, mean and variance over the pixels
/// of one channel of one sample. Huang, Belongie, "Arbitrary Style Transfer in Real-time with
/// Adaptive Instance Normalization", ICCV 2017 (arXiv 1703.06868).
///
/// - ``Variant/statistics``: scale and shift are deviation and mean of another map's channels, all
///   variances divided by the pixels less one. No parameters.
/// - ``Variant/given``: both are given (MUNIT, arXiv 1804.04732). No parameters.
/// - ``Variant/linear``: `scale = 1 + γ`, with γ and the shift the two halves of a linear layer's
///   outputs on a style vector (StarGAN v2, arXiv 1912.01865). Parameters `fc.weight`
///   `[2 · channels, styleFeatures]` and `fc.bias`.
///
/// Input `[batch, height, width, channels]`, the same out. A constant channel becomes its shift. Cost:
/// two reads and one write of the map, and for a style map one read of it.
public final class AdaptiveInstanceNorm2d: Module {
    /// Where scales and shifts come from.
    public enum Variant: String, Sendable, CaseIterable {
        /// Mean and deviation of a style's map.
        case statistics
        /// The caller.
        case given
        /// A linear layer on a style vector.
        case linear
    }

    /// Channels of the map.
    public let channels: Int
    /// Added to every variance.
    public let eps: Double
    /// Where scales and shifts come from.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let linear: Linear?

    /// A norm for 1...2²⁴ channels.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - variant: where scales and shifts come from.
    ///   - styleFeatures: numbers of a style vector; for the variant `linear` only.
    ///   - eps: added to every variance.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, variant: Variant = .statistics, styleFeatures: Int? = nil,
        eps: Double = 1e-5, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "AdaptiveInstanceNorm2d"
        try checkChannels(channels, "channels", layer: layer)
        try checkEpsilon(eps, layer: layer)
        guard (styleFeatures != nil) == (variant == .linear) else {
            throw .invalidOption(
                layer: layer, option: "styleFeatures",
                expected: variant == .linear
                    ? "a number for variant linear" : "none for variant \(variant.rawValue)",
                found: styleFeatures.map { "\($0)" } ?? "none")
        }
        if let styleFeatures { try checkChannels(styleFeatures, "styleFeatures", layer: layer) }
        self.channels = channels
        self.eps = eps
        self.variant = variant
        if let styleFeatures {
            linear = try Linear(
                inputFeatures: styleFeatures, outputFeatures: 2 * channels, seed: seed)
        } else {
            linear = nil
        }
    }

    /// `fc` in the variant `linear`.
    public var submodules: [NamedModule] { linear.map { [NamedModule("fc", $0)] } ?? [] }

    /// The map `x` with the style of `style`.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - style: a map `[batch, height', width', channels]` of at least two pixels in the variant
    ///     `statistics`, a vector `[batch, styleFeatures]` in the variant `linear`.
    ///   - activation: applied last, in the same pass.
    /// - Throws: ``ProteanError`` when a tensor does not fit or the variant takes scale and shift.
    public func callAsFunction(
        _ x: Tensor, style: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        switch variant {
        case .given:
            throw .invalidOption(
                layer: place, option: "variant", expected: "statistics or linear for a style",
                found: variant.rawValue)
        case .statistics:
            try checkPixels(x, "x", batch: nil)
            try checkPixels(style, "style", batch: x.shape[0])
            let (scale, shift) = try statistics(of: style)
            return try normalised(x, scale, shift, activation)
        case .linear:
            guard let linear else { return x }
            let (scale, shift) = try FiLM.halves(of: style, linear, offset: 1, layer: place)
            return try normalised(x, scale, shift, activation)
        }
    }

    /// The map `x`, normalised, times `scale` plus `shift`: the variant `given`.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - scale: `[batch, channels]`.
    ///   - shift: `[batch, channels]`.
    ///   - activation: applied last, in the same pass.
    /// - Throws: ``ProteanError`` when a tensor does not fit or the layer is of another variant.
    public func callAsFunction(
        _ x: Tensor, scale: Tensor, shift: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        guard variant == .given else {
            throw .invalidOption(
                layer: place, option: "variant", expected: "given for scale and shift",
                found: variant.rawValue)
        }
        return try normalised(x, scale, shift, activation)
    }

    /// Throws unless `map` has the layer's channels and at least two pixels, which an unbiased
    /// variance needs.
    private func checkPixels(
        _ map: Tensor, _ name: String, batch: Int?
    ) throws(ProteanError) {
        guard map.rank == 4, map.shape[3] == channels, map.shape[1] * map.shape[2] > 1,
            batch == nil || map.shape[0] == batch
        else {
            let samples = batch.map { "\($0)" } ?? "batch"
            throw .shapeMismatch(
                layer: place, tensor: name,
                expected: "[\(samples), height, width, \(channels)] of at least two pixels",
                found: map.shape)
        }
    }

    /// Deviations and means of a map's channels.
    private func statistics(
        of style: Tensor
    ) throws(ProteanError) -> (scale: Tensor, shift: Tensor) {
        let mean = try Operations.mean(style, axes: [1, 2])
        let variance = try Operations.variance(style, axes: [1, 2], unbiased: true)
        let shape = [style.shape[0], channels]
        let shifted = try Operations.add(variance, try Tensor(repeating: Float(eps), shape: [1]))
        return (
            try Operations.sqrt(shifted).reshaped(to: shape), try mean.reshaped(to: shape)
        )
    }

    private func normalised(
        _ x: Tensor, _ scale: Tensor, _ shift: Tensor, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        for (name, tensor) in [("scale", scale), ("shift", shift)]
        where tensor.shape != [x.shape[0], channels] {
            throw .shapeMismatch(
                layer: place, tensor: name, expected: "[\(x.shape[0]), \(channels)]",
                found: tensor.shape)
        }
        return try traced(
            "AdaptiveInstanceNorm2d", path: label, input: x,
            cost: { .normalising(x, $0, parameters: 0) }
        ) { () throws(ProteanError) in
            var (eps, scale) = (eps, scale)
            if variant == .statistics {
                // √(v n / (n − 1) + eps) with a biased variance v is √(n / (n − 1)) times
                // √(v + eps (n − 1) / n).
                let pixels = Double(x.shape[1] * x.shape[2]), share = (pixels - 1) / pixels
                eps *= share
                let factor = try Tensor(repeating: Float(share.squareRoot()), shape: [1])
                scale = try Operations.multiply(scale, factor)
            }
            return try Operations.adaptiveInstanceNorm(
                x, weight: scale, bias: shift, eps: eps, activation: activation, layer: place)
        }
    }
}
