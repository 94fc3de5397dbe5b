// The layers of element-wise functions, one for each row of `ActivationTable`.

/// x itself: a placeholder for a layer that a configuration leaves out.
///
/// Any shape in, the same out.
public struct Identity: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .identity }

    /// Has no options.
    public init() {}
}

/// Element-wise max(x, 0).
///
/// Nair, Hinton, ICML 2010. Any shape in, the same out.
public struct ReLU: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .relu }

    /// Has no options.
    public init() {}
}

/// Element-wise min(max(x, 0), 6).
///
/// Sandler et al., CVPR 2018 (arXiv 1801.04381). Any shape in, the same out.
public struct ReLU6: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .relu6 }

    /// Has no options.
    public init() {}
}

/// Element-wise x for x > 0, else negativeSlope · x.
///
/// Maas, Hannun, Ng, ICML 2013. Any shape in, the same out.
public struct LeakyReLU: ActivationLayer {
    /// The factor for x < 0.
    public let negativeSlope: Float

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .leakyReLU(slope: negativeSlope) }

    /// A slope of 0.01 by default.
    public init(negativeSlope: Float = 0.01) { self.negativeSlope = negativeSlope }
}

/// Element-wise 1 / (1 + e⁻ˣ).
///
/// Any shape in, the same out.
public struct Sigmoid: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .sigmoid }

    /// Has no options.
    public init() {}
}

/// Element-wise min(max(x + 3, 0), 6) / 6; `torch.nn.Hardsigmoid`.
///
/// Howard et al., ICCV 2019 (arXiv 1905.02244). Any shape in, the same out.
public struct HardSigmoid: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .hardSigmoid }

    /// Has no options.
    public init() {}
}

/// Element-wise x · min(max(x + 3, 0), 6) / 6; `torch.nn.Hardswish`.
///
/// Howard et al., ICCV 2019 (arXiv 1905.02244). Any shape in, the same out.
public struct HardSwish: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .hardSwish }

    /// Has no options.
    public init() {}
}

/// Element-wise x / (1 + e⁻ˣ), also called swish.
///
/// Ramachandran, Zoph, Le (arXiv 1710.05941). Any shape in, the same out.
public struct SiLU: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .silu }

    /// Has no options.
    public init() {}
}

/// Element-wise x · Φ(x), Φ being the distribution function of the normal distribution.
///
/// Hendrycks, Gimpel (arXiv 1606.08415). Any shape in, the same out.
public struct GELU: ActivationLayer {
    /// How Φ is computed.
    public enum Approximation: String, Sendable, CaseIterable {
        /// (1 + erf(x / √2)) / 2.
        case none
        /// (1 + tanh(√(2 / π) · (x + 0.044715 x³))) / 2.
        case tanh
    }

    /// How Φ is computed.
    public let approximate: Approximation

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { approximate == .none ? .gelu : .geluTanh }

    /// Exact by default.
    public init(approximate: Approximation = .none) { self.approximate = approximate }
}

/// Element-wise x · tanh(log(1 + eˣ)).
///
/// Misra (arXiv 1908.08681). Any shape in, the same out.
public struct Mish: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .mish }

    /// Has no options.
    public init() {}
}

/// Element-wise tanh(x).
///
/// Any shape in, the same out.
public struct Tanh: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .tanh }

    /// Has no options.
    public init() {}
}

/// Element-wise x for x > 0, else alpha · (eˣ − 1).
///
/// Clevert, Unterthiner, Hochreiter, ICLR 2016 (arXiv 1511.07289). Any shape in, the same out.
public struct ELU: ActivationLayer {
    /// The negative of the limit at −∞.
    public let alpha: Float

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .elu(alpha: alpha) }

    /// An `alpha` of 1 by default.
    public init(alpha: Float = 1) { self.alpha = alpha }
}

/// Element-wise x for x > 0, else alpha · (e^(x / alpha) − 1), whose derivative is continuous.
///
/// Barron (arXiv 1704.07483). Any shape in, the same out.
public struct CELU: ActivationLayer {
    /// The negative of the limit at −∞.
    public let alpha: Float

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .celu(alpha: alpha) }

    /// An `alpha` of 1 by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless `alpha` is a
    ///   finite number above 0.
    public init(alpha: Float = 1) throws(ProteanError) {
        try checkPositive(alpha, "alpha", layer: "CELU")
        self.alpha = alpha
    }
}

/// Element-wise 1.0507 · (x for x > 0, else 1.67326 · (eˣ − 1)), which draws mean and variance of
/// a layer's values to 0 and 1.
///
/// Klambauer, Unterthiner, Mayr, Hochreiter, NIPS 2017 (arXiv 1706.02515). Any shape in, the same
/// out.
public struct SELU: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .selu }

    /// Has no options.
    public init() {}
}

/// Element-wise log(1 + e^(beta · x)) / beta, and x itself where beta · x > threshold.
///
/// Dugas et al., NIPS 2000; `torch.nn.Softplus`. Any shape in, the same out.
public struct Softplus: ActivationLayer {
    /// The factor of x, which sets how sharp the bend at 0 is.
    public let beta: Float
    /// The value of beta · x above which the function is x.
    public let threshold: Float

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .softplus(beta: beta, threshold: threshold) }

    /// PyTorch's `beta` of 1 and `threshold` of 20 by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless `beta` is a
    ///   finite number above 0 and `threshold` is finite.
    public init(beta: Float = 1, threshold: Float = 20) throws(ProteanError) {
        try checkPositive(beta, "beta", layer: "Softplus")
        guard threshold.isFinite else {
            throw .invalidOption(
                layer: "Softplus", option: "threshold", expected: "a finite number",
                found: "\(threshold)")
        }
        self.beta = beta
        self.threshold = threshold
    }
}

/// Element-wise min(max(x, minimum), maximum).
///
/// Collobert, 2004; `torch.nn.Hardtanh`. Any shape in, the same out.
public struct Hardtanh: ActivationLayer {
    /// The smallest result.
    public let minimum: Float
    /// The largest result.
    public let maximum: Float

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .hardtanh(min: minimum, max: maximum) }

    /// −1 and 1 by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless `maximum` is
    ///   above `minimum`.
    public init(minimum: Float = -1, maximum: Float = 1) throws(ProteanError) {
        guard maximum > minimum else {
            throw .invalidOption(
                layer: "Hardtanh", option: "maximum", expected: "above \(minimum)",
                found: "\(maximum)")
        }
        self.minimum = minimum
        self.maximum = maximum
    }
}

/// Throws unless `value` is a finite number above 0.
private func checkPositive(
    _ value: Float, _ option: String, layer: String
) throws(ProteanError) {
    guard value > 0, value.isFinite else {
        throw .invalidOption(
            layer: layer, option: option, expected: "a finite number above 0", found: "\(value)")
    }
}
