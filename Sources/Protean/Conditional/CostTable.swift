/// What a network with exits costs, for one sample: cumulative costs of its exits, heads apart.
///
/// Made from an input that carries a shape only, so no decision is needed.
public struct CostTable: Sendable, Hashable {
    /// One exit.
    public struct Exit: Sendable, Hashable {
        /// Multiply-adds up to and with this exit's head, heads of earlier exits included.
        public let multiplyAdds: Int
        /// Multiply-adds of this exit's head alone.
        public let head: Int

        /// Costs of one exit.
        public init(multiplyAdds: Int, head: Int) {
            self.multiplyAdds = multiplyAdds
            self.head = head
        }
    }

    /// The exits, from the first to the last.
    public let exits: [Exit]

    /// A table of exits.
    public init(exits: [Exit]) { self.exits = exits }

    /// Multiply-adds of a sample that leaves at the last exit.
    public var full: Int { exits.last?.multiplyAdds ?? 0 }

    /// The deepest exit whose cost is at most `multiplyAdds`; nil if even the first costs more.
    public func deepest(within multiplyAdds: Int) -> Int? {
        exits.lastIndex { $0.multiplyAdds <= multiplyAdds }
    }

    /// The mean cost of samples that leave at these exits.
    public func mean(of chosen: [Int]) -> Double {
        guard !chosen.isEmpty else { return 0 }
        let sum = chosen.reduce(0.0) { $0 + Double(exits[$1].multiplyAdds) }
        return sum / Double(chosen.count)
    }

    /// Share of samples that leave at each exit.
    public func shares(of chosen: [Int]) -> [Double] {
        var counts = [Double](repeating: 0, count: exits.count)
        for exit in chosen { counts[exit] += 1 }
        return counts.map { chosen.isEmpty ? 0 : $0 / Double(chosen.count) }
    }
}
