/// A depth, a height and a width: the size of a volume.
public struct Size3d: Sendable, Hashable, CustomStringConvertible {
    /// Number of planes.
    public var depth: Int
    /// Rows of a plane.
    public var height: Int
    /// Columns of a plane.
    public var width: Int

    /// The size of the given lengths.
    public init(depth: Int, height: Int, width: Int) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// Such as `2x3x5`.
    public var description: String { "\(depth)x\(height)x\(width)" }

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
        guard min(depth, height, width) >= range.lowerBound,
            max(depth, height, width) <= range.upperBound
        else {
            throw .invalidOption(
                layer: layer, option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: description)
        }
    }
}
