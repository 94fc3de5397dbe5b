/// A height and a width: a kernel size, stride, dilation or image size.
///
/// An integer literal stands for both: `kernelSize: 3` is 3 × 3.
public struct Size2d: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Along the image's rows.
    public var height: Int
    /// Along the image's columns.
    public var width: Int

    /// A size with different height and width.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// The same height and width.
    public init(_ both: Int) { self.init(height: both, width: both) }

    /// The same height and width.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Such as `3x5`.
    public var description: String { "\(height)x\(width)" }

    /// Throws unless all sizes are in `minimum`...``OptionLimits/length``.
    func check(
        atLeast minimum: Int, layer: String, option: String
    ) throws(ProteanError) {
        try check(in: minimum...OptionLimits.length, layer: layer, option: option)
    }

    /// Throws unless all sizes are in `range`.
    func check(
        in range: ClosedRange<Int>, layer: String, option: String
    ) throws(ProteanError) {
        guard min(height, width) >= range.lowerBound, max(height, width) <= range.upperBound else {
            throw .invalidOption(
                layer: layer, option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: description)
        }
    }
}
