/// How scores become a decision: for each row, scores of all actions become a set of actions with
/// weights.
///
/// Each row is decided from its own scores alone. Equal scores go to the action of lower number. A
/// score that is not a number is never chosen; a row without any number among its scores is refused
/// where one action must be chosen.
public enum Rule: Sendable, Hashable {
    /// Actions whose score is larger than a threshold, with weight 1.
    case above(Float)
    /// Actions whose score is at least a threshold, with weight 1.
    case atLeast(Float)
    /// The action of the largest score, with weight 1.
    case argmax
    /// The k actions of the largest scores, with their scores as weights; with `normalized`,
    /// divided by their sum.
    case top(Int, normalized: Bool = false)
    /// Of a actions those whose score is larger than the (k + 1)-th largest, with their scores as
    /// weights; k = ⌈density · a⌉. Actions that tie with the (k + 1)-th are not chosen (Gao et al.,
    /// arXiv 1810.05331).
    case winners(density: Double)
    /// Actions whose score is not 0, with their scores as weights.
    case nonzero
    /// One action drawn with its score as probability: scores are at least 0 and need not sum to 1.
    /// The draw depends on the seed, the site and the row's number in the outermost batch only
    /// (``RowScope``), not on order, threads or company.
    case sample(seed: UInt64, site: Int)
    /// The same actions for every row, with weight 1.
    case fixed([Int])

    /// Decides.
    ///
    /// - Parameters:
    ///   - scores: `[rows, actions]`.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when the scores have another rank or carry no values, a row has no
    ///   number where one must be chosen, or an option is out of range.
    public func choose(_ scores: Tensor, layer: String = "Rule") throws(ProteanError) -> Choice {
        guard scores.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "scores", expected: "[rows, actions]", found: scores.shape)
        }
        let actions = scores.shape[1], batch = scores.shape[0]
        try check(actions: actions, layer: layer)
        let origin = RowScope.origin(batch: batch)
        let values = scores.elements
        guard values.count == scores.count else { throw .noValues(layer: layer) }
        var picks: [[Choice.Pick]] = [], best: [Float] = []
        picks.reserveCapacity(batch)
        for row in 0..<batch {
            let own = values[row * actions..<(row + 1) * actions]
            let list = try decide(Array(own), row: origin.rows[row], layer: layer)
            best.append(list.map { own[own.startIndex + $0.action] }.max() ?? own.max() ?? 0)
            picks.append(list.filter { $0.weight != 0 })
        }
        return Choice(trusted: picks, actions: actions, scores: best)
    }

    /// Throws unless the rule's options fit a decision between `actions` actions.
    func check(actions: Int, layer: String) throws(ProteanError) {
        switch self {
        case .top(let count, _):
            try checkOption(count, "k", in: 1...max(actions, 1), layer: layer)
        case .winners(let density):
            guard density > 0, density <= 1 else {
                throw .invalidOption(
                    layer: layer, option: "density", expected: "above 0 and at most 1",
                    found: "\(density)")
            }
        case .fixed(let list):
            let isAscending = zip(list, list.dropFirst()).allSatisfy { $0 < $1 }
            guard isAscending, list.allSatisfy({ (0..<actions).contains($0) }) else {
                throw .invalidOption(
                    layer: layer, option: "fixed",
                    expected: "ascending actions of 0..<\(actions)", found: "\(list)")
            }
        default: break
        }
    }

    /// One row's picks, in ascending order of action.
    private func decide(
        _ scores: [Float], row: Int, layer: String
    ) throws(ProteanError) -> [Choice.Pick] {
        switch self {
        case .above(let threshold): Self.all(scores) { $0 > threshold }
        case .atLeast(let threshold): Self.all(scores) { $0 >= threshold }
        case .fixed(let list): list.map { Choice.Pick(action: $0) }
        case .nonzero:
            scores.indices.filter { scores[$0] != 0 && !scores[$0].isNaN }
                .map { Choice.Pick(action: $0, weight: scores[$0]) }
        case .argmax:
            try Self.largest(scores, 1, row, layer).map { Choice.Pick(action: $0) }
        case .top(let count, let normalized):
            try Self.top(scores, count, normalized, row, layer)
        case .winners(let density): Self.winners(scores, density)
        case .sample(let seed, let site):
            [try Self.drawn(scores, seed, site, row, layer)]
        }
    }

    private static func all(_ scores: [Float], _ passes: (Float) -> Bool) -> [Choice.Pick] {
        scores.indices.filter { passes(scores[$0]) }.map { Choice.Pick(action: $0) }
    }

    /// The indices of the `count` largest numbers, the lower index first among equal ones.
    private static func largest(
        _ scores: [Float], _ count: Int, _ row: Int, _ layer: String
    ) throws(ProteanError) -> [Int] {
        let numbers = scores.indices.filter { !scores[$0].isNaN }
        guard numbers.count >= count else {
            throw .invalidOption(
                layer: layer, option: "scores of row \(row)",
                expected: "at least \(count) numbers", found: "\(numbers.count) and NaN")
        }
        return Array(
            numbers.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
                .prefix(count))
    }

    private static func top(
        _ scores: [Float], _ count: Int, _ normalized: Bool, _ row: Int, _ layer: String
    ) throws(ProteanError) -> [Choice.Pick] {
        let chosen = try largest(scores, count, row, layer).sorted()
        let sum = normalized ? chosen.reduce(0) { $0 + scores[$1] } : 1
        return chosen.map { Choice.Pick(action: $0, weight: scores[$0] / sum) }
    }

    private static func winners(_ scores: [Float], _ density: Double) -> [Choice.Pick] {
        let keep = Int((density * Double(scores.count)).rounded(.up))
        let numbers = scores.filter { !$0.isNaN }.sorted(by: >)
        let limit = keep < numbers.count ? numbers[keep] : -Float.infinity
        return scores.indices.filter { scores[$0] > limit }
            .map { Choice.Pick(action: $0, weight: scores[$0]) }
    }

    private static func drawn(
        _ scores: [Float], _ seed: UInt64, _ site: Int, _ row: Int, _ layer: String
    ) throws(ProteanError) -> Choice.Pick {
        let sum = scores.reduce(0, +)
        guard sum > 0, sum.isFinite, !scores.contains(where: { $0 < 0 }) else {
            throw .invalidOption(
                layer: layer, option: "scores of row \(row)",
                expected: "probabilities of a positive, finite sum", found: "\(sum)")
        }
        var rest = CounterRandom.uniform(seed: seed, site: site, row: row) * sum
        for (action, score) in scores.enumerated() where score > 0 {
            if rest < score { return Choice.Pick(action: action) }
            rest -= score
        }
        return Choice.Pick(action: scores.lastIndex { $0 > 0 } ?? 0)
    }
}
