/// How many tokens an expert takes at most from each group of tokens.
///
/// Tokens in row-major order form groups of ``group``, the last of which may be smaller. Of a group
/// of n tokens each expert takes max(``minimum``, ⌊n · ``factor`` / experts⌋), at most n. Places
/// are given in the order of tokens; a token that finds its expert full is dropped there. **A
/// token's result then depends on the tokens before it**, unlike in every other conditional layer.
///
/// Fedus, Zoph, Shazeer, "Switch Transformers", arXiv 2101.03961. They train with factor 1.25 and
/// evaluate with 2, in groups of 1024 tokens.
public struct ExpertCapacity: Sendable, Hashable {
    /// Places per token of a group, over all experts.
    public let factor: Double
    /// The least number of places of an expert.
    public let minimum: Int
    /// Number of tokens that share places.
    public let group: Int

    /// A capacity.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a factor that is
    ///   not finite and above 0, or a size below 1.
    public init(
        factor: Double = 2, minimum: Int = 4, group: Int = 1024
    ) throws(ProteanError) {
        let layer = "ExpertCapacity"
        guard factor > 0, factor <= 0x1p24 else {
            throw .invalidOption(
                layer: layer, option: "factor", expected: "above 0, at most 2²⁴",
                found: "\(factor)")
        }
        try checkOption(minimum, "minimum", in: 1...OptionLimits.points, layer: layer)
        try checkOption(group, "group", in: 1...OptionLimits.points, layer: layer)
        self.factor = factor
        self.minimum = minimum
        self.group = group
    }

    /// Places of one of `experts` experts in a group of `tokens` tokens.
    public func places(tokens: Int, experts: Int) -> Int {
        let share = (Double(tokens) * factor / Double(max(experts, 1))).rounded(.down)
        return share >= Double(tokens) ? tokens : min(tokens, max(minimum, Int(share)))
    }

    /// Keeps of every token's picks, first places before second ones, those that find a place.
    ///
    /// - Parameters:
    ///   - places: for each token its picks in order of preference, each with its action.
    ///   - experts: number of experts.
    /// - Returns: for each token and pick whether it is kept.
    func kept(_ places: [[Int]], experts: Int) -> [[Bool]] {
        var kept = places.map { [Bool](repeating: false, count: $0.count) }
        for start in stride(from: 0, to: places.count, by: group) {
            let tokens = start..<min(start + group, places.count)
            let most = self.places(tokens: tokens.count, experts: experts)
            var taken = [Int](repeating: 0, count: experts)
            let depth = tokens.map { places[$0].count }.max() ?? 0
            for preference in 0..<depth {
                for token in tokens where preference < places[token].count {
                    let expert = places[token][preference]
                    guard taken[expert] < most else { continue }
                    taken[expert] += 1
                    kept[token][preference] = true
                }
            }
        }
        return kept
    }
}
