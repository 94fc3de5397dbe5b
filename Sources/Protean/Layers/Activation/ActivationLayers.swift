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
