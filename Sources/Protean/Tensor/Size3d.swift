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

    /// Throws unless all sizes are at least `minimum`.
    func check(
        atLeast minimum: Int, layer: String, option: String
    ) throws(ProteanError) {
        guard min(depth, height, width) >= minimum else {
            throw .invalidOption(
                layer: layer, option: option, expected: "at least \(minimum)",
                found: description)
        }
    }
}
