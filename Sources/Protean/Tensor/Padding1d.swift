/// The zeros that a convolution along sequences adds around its input.
///
/// An integer literal is the same number on both sides, as in PyTorch.
public enum Padding1d: Sendable, Hashable, ExpressibleByIntegerLiteral {
    /// Given numbers before and after.
    case explicit(before: Int, after: Int)
    /// Output length = ⌈length / stride⌉; an odd zero goes to the end. With stride 1 this is PyTorch's
    /// `same`.
    case same
    /// None.
    case valid

    /// The same number on both sides.
    public init(integerLiteral value: Int) { self = .symmetric(value) }

    /// `both` on both sides.
    public static func symmetric(_ both: Int) -> Padding1d { .explicit(before: both, after: both) }

    /// The same along the rows of a map.
    var alongRows: Padding2d {
        switch self {
        case .explicit(let before, let after):
            .explicit(top: 0, bottom: 0, left: before, right: after)
        case .same: .same
        case .valid: .valid
        }
    }
}
