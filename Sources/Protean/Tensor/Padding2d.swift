/// The zero rows and columns that a convolution adds around its input.
///
/// An integer literal is the same number on all four sides, as in PyTorch.
public enum Padding2d: Sendable, Hashable, ExpressibleByIntegerLiteral {
    /// Given numbers on each side.
    case explicit(top: Int, bottom: Int, left: Int, right: Int)
    /// As TensorFlow: output size = ⌈input / stride⌉; the odd pixel goes to the bottom and right.
    /// With stride 1 this is PyTorch's `same`. The amount follows from each input's size.
    case same
    /// None.
    case valid

    /// The same number on all four sides.
    public init(integerLiteral value: Int) { self = .symmetric(height: value, width: value) }

    /// `height` rows above and below, `width` columns left and right.
    public static func symmetric(height: Int, width: Int) -> Padding2d {
        .explicit(top: height, bottom: height, left: width, right: width)
    }

    /// `both` on all four sides.
    public static func symmetric(_ both: Int) -> Padding2d {
        symmetric(height: both, width: both)
    }

    /// Zeros before and after along one axis for TensorFlow's `same`.
    static func same(
        size: Int, kernel: Int, stride: Int, dilation: Int
    ) -> (before: Int, after: Int) {
        let outputs = (size + stride - 1) / stride
        let total = max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - size)
        return (total / 2, total - total / 2)
    }

    func check(layer: String) throws(ProteanError) {
        guard case .explicit(let top, let bottom, let left, let right) = self else { return }
        guard min(top, bottom, left, right) >= 0,
            max(top, bottom, left, right) <= OptionLimits.length
        else {
            throw .invalidOption(
                layer: layer, option: "padding", expected: "0...\(OptionLimits.length)",
                found: "\((top, bottom, left, right))")
        }
    }
}
