import CProteanKernels

/// An element-wise activation, alone or fused into a convolution.
///
/// Each is described in one row of `ActivationTable.swift`: names, formula, value and derivative. A
/// new one is a case here with the kernel's name for it, that row, and a row of
/// `ptn_activation_list.h`.
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
    /// min(max(x + 3, 0), 6) / 6, as in PyTorch; other libraries use different slopes
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
    /// x for beta · x > threshold, else log(1 + e^(beta · x)) / beta; beta > 0
    case softplus(beta: Float = 1, threshold: Float = 20)
    /// x for x > 0, else alpha · (eˣ − 1)
    case elu(alpha: Float = 1)
    /// x for x > 0, else alpha · (e^(x / alpha) − 1); alpha > 0
    case celu(alpha: Float = 1)
    /// 1.0507 · (x for x > 0, else 1.67326 · (eˣ − 1))
    case selu
    /// min(max(x, min), max); min ≤ max
    case hardtanh(min: Float = -1, max: Float = 1)

    /// The kernels' name for it.
    var kind: ptn_activation {
        switch self {
        case .identity: PTN_ACT_IDENTITY
        case .relu: PTN_ACT_RELU
        case .relu6: PTN_ACT_RELU6
        case .leakyReLU: PTN_ACT_LEAKY_RELU
        case .sigmoid: PTN_ACT_SIGMOID
        case .hardSigmoid: PTN_ACT_HARD_SIGMOID
        case .hardSwish: PTN_ACT_HARD_SWISH
        case .silu: PTN_ACT_SILU
        case .gelu: PTN_ACT_GELU
        case .geluTanh: PTN_ACT_GELU_TANH
        case .mish: PTN_ACT_MISH
        case .tanh: PTN_ACT_TANH
        case .softplus: PTN_ACT_SOFTPLUS
        case .elu: PTN_ACT_ELU
        case .celu: PTN_ACT_CELU
        case .selu: PTN_ACT_SELU
        case .hardtanh: PTN_ACT_HARDTANH
        }
    }

    /// The function's numbers in the order of its case; 0 where it has none.
    var numbers: (first: Float, second: Float) {
        switch self {
        case .leakyReLU(let slope): (slope, 0)
        case .softplus(let beta, let threshold): (beta, threshold)
        case .elu(let alpha), .celu(let alpha): (alpha, 0)
        case .hardtanh(let least, let most): (least, most)
        default: (0, 0)
        }
    }

    package var kernelSpec: ptn_activation_spec {
        var spec = ptn_activation_spec()
        spec.kind = kind
        (spec.first, spec.second) = numbers
        return spec
    }
}
