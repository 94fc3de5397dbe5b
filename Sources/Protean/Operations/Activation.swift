import CProteanKernels

/// An element-wise activation, alone or fused into a convolution.
public enum Activation: Sendable, Equatable {
    /// x
    case identity
    /// max(x, 0)
    case relu
    /// min(max(x, 0), 6)
    case relu6
    /// x for x > 0, else slope · x
    case leakyReLU(slope: Float)
    /// 1 / (1 + e⁻ˣ)
    case sigmoid
    /// min(max(x + 3, 0), 6) / 6, as in PyTorch; other libraries use other slopes
    case hardSigmoid
    /// x · hardSigmoid(x)
    case hardSwish
    /// x · sigmoid(x)
    case silu
    /// x / 2 · (1 + erf(x / √2))
    case gelu
    /// The tanh approximation of ``gelu``
    case geluTanh
    /// x · tanh(log(1 + eˣ))
    case mish
    /// tanh(x)
    case tanh

    package var kernelSpec: ptn_activation_spec {
        var spec = ptn_activation_spec()
        switch self {
        case .identity: spec.kind = PTN_ACT_IDENTITY
        case .relu: spec.kind = PTN_ACT_RELU
        case .relu6: spec.kind = PTN_ACT_RELU6
        case .leakyReLU(let slope):
            spec.kind = PTN_ACT_LEAKY_RELU
            spec.slope = slope
        case .sigmoid: spec.kind = PTN_ACT_SIGMOID
        case .hardSigmoid: spec.kind = PTN_ACT_HARD_SIGMOID
        case .hardSwish: spec.kind = PTN_ACT_HARD_SWISH
        case .silu: spec.kind = PTN_ACT_SILU
        case .gelu: spec.kind = PTN_ACT_GELU
        case .geluTanh: spec.kind = PTN_ACT_GELU_TANH
        case .mish: spec.kind = PTN_ACT_MISH
        case .tanh: spec.kind = PTN_ACT_TANH
        }
        return spec
    }
}
