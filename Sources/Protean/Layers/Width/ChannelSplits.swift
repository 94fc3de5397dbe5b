/// The points at which the channels of a layer are split among stages.
///
/// C channels lie in `groups` groups of C / groups; stage i owns the groups
/// `points[i − 1] ..< points[i]` with `points[−1] = 0`. Split operation of S2DNAS (Yuan, Wu, Sun, Liang,
/// Zhao, Bi, "S2DNAS: Transforming Static CNN Model for Dynamic Inference via Neural Architecture
/// Search", arXiv 1911.07033).
public struct ChannelSplits: Sendable, Hashable {
    /// Number of groups.
    public let groups: Int
    /// The group behind the last of each stage, strictly ascending up to `groups`.
    public let points: [Int]

    /// Splits, checked.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming `groups` or
    ///   `points` unless `0 < points[0] < points[1] < … = groups`.
    public init(groups: Int, points: [Int]) throws(ProteanError) {
        try checkChannels(groups, "groups", layer: "ChannelSplits")
        let ascends = zip([0] + points, points).allSatisfy { $0 < $1 }
        guard ascends, points.last == groups else {
            throw .invalidOption(
                layer: "ChannelSplits", option: "points",
                expected: "ascending numbers above 0 that end in groups = \(groups)",
                found: "\(points)")
        }
        self.groups = groups
        self.points = points
    }

    /// As many stages with equally many groups each.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for less than one
    ///   stage.
    public init(evenly stages: Int) throws(ProteanError) {
        try checkOption(stages, "stages", in: 1...OptionLimits.depth, layer: "ChannelSplits")
        try self.init(groups: stages, points: Array(1...stages))
    }

    /// Number of stages.
    public var stages: Int { points.count }

    /// The channels that each stage owns.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `channels` is not
    ///   a multiple of ``groups``; `layer` names the layer.
    public func ranges(
        of channels: Int, layer: String = "ChannelSplits"
    ) throws(ProteanError) -> [Range<Int>] {
        guard channels > 0, channels % groups == 0 else {
            throw .invalidOption(
                layer: layer, option: "splits",
                expected: "a number of groups that divides \(channels) channels",
                found: "\(groups) groups")
        }
        let width = channels / groups
        return zip([0] + points, points).map { $0 * width..<$1 * width }
    }
}
