import CProteanKernels

/// The algorithms that a convolution may use.
public enum Conv2dAlgorithm: String, Sendable, CaseIterable {
    /// The algorithm estimated to be fastest for an input's shape. See
    /// ``Runtime/setExactness(_:)``.
    case automatic = "auto"
    /// The sums of products as the definition writes them.
    case direct
    /// The faster of Winograd's two forms: 3 × 3 kernels with stride 1 and one group only.
    case winograd
    /// Winograd's F(4 × 4, 3 × 3), under the same condition.
    case winograd4x4
    /// Winograd's F(6 × 6, 3 × 3), under the same condition.
    case winograd6x6

    /// Whether this requires one of Winograd's forms.
    var isWinograd: Bool { self == .winograd || self == .winograd4x4 || self == .winograd6x6 }
}

extension Conv2dAlgorithm {
    /// The request passed to the kernel; the exactness setting may exclude Winograd's forms.
    func kernelChoice(_ exactness: Exactness) -> ptn_conv2d_choice {
        switch self {
        case .automatic:
            exactness == .direct ? PTN_CONV2D_SUMS : PTN_CONV2D_AUTO
        case .direct: PTN_CONV2D_SUMS
        case .winograd: PTN_CONV2D_WINOGRAD
        case .winograd4x4: PTN_CONV2D_WINOGRAD_FORCE_4X4
        case .winograd6x6: PTN_CONV2D_WINOGRAD_FORCE_6X6
        }
    }
}
