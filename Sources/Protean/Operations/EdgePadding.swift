import CProteanKernels

/// Rows and columns that are added on each side of a map, in PyTorch's order for padding layers: left,
/// right, top, bottom. An integer literal is the same number on all four sides.
public struct EdgePadding: Sendable, Hashable, ExpressibleByIntegerLiteral {
    /// Columns on the left.
    public var left: Int
    /// Columns on the right.
    public var right: Int
    /// Rows above.
    public var top: Int
    /// Rows below.
    public var bottom: Int

    /// A number for each side.
    public init(left: Int = 0, right: Int = 0, top: Int = 0, bottom: Int = 0) {
        self.left = left
        self.right = right
        self.top = top
        self.bottom = bottom
    }

    /// The same number on all four sides.
    public init(_ all: Int) { self.init(left: all, right: all, top: all, bottom: all) }

    /// The same number on all four sides.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Throws unless all are in 0...``OptionLimits/length``.
    func check(layer: String) throws(ProteanError) {
        for value in [left, right, top, bottom] where !(0...OptionLimits.length).contains(value) {
            throw .invalidOption(
                layer: layer, option: "padding", expected: "0...\(OptionLimits.length)",
                found: "\((left, right, top, bottom))")
        }
    }
}
