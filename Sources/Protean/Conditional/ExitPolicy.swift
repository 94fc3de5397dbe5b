/// Which rows leave at an exit: criteria with a threshold for every exit, given at the time of the
/// call.
///
/// ```swift
/// let sure = ExitPolicy.threshold(.maximumProbability, [0.9, 0.8, 0])
/// let result = try network.dynamic(x, policy: sure)
/// ```
/// At the last exit all rows leave, whatever the policy says.
public indirect enum ExitPolicy: Sendable, Hashable {
    /// One threshold per exit.
    case threshold(Criterion, [Float])
    /// One threshold per exit and predicted class.
    case perClass(Criterion, [[Float]])
    /// Rows that leave by both policies.
    case both(ExitPolicy, ExitPolicy)
    /// Rows that leave by either policy.
    case either(ExitPolicy, ExitPolicy)

    /// What a row carries from exit to exit, for every criterion of the policy.
    typealias RowState = [Criterion.RowState]

    /// The number of criteria.
    var criteria: Int {
        switch self {
        case .threshold, .perClass: 1
        case .both(let a, let b), .either(let a, let b): a.criteria + b.criteria
        }
    }

    /// Throws unless every list has a threshold for each of `exits` exits and no threshold is NaN.
    func check(exits: Int, layer: String) throws(ProteanError) {
        let counts: Int, numbers: [Float]
        switch self {
        case .threshold(_, let list): (counts, numbers) = (list.count, list)
        case .perClass(_, let lists): (counts, numbers) = (lists.count, lists.flatMap { $0 })
        case .both(let a, let b), .either(let a, let b):
            try a.check(exits: exits, layer: layer)
            return try b.check(exits: exits, layer: layer)
        }
        guard counts == exits else {
            throw .invalidOption(
                layer: layer, option: "thresholds", expected: "\(exits), one for each exit",
                found: "\(counts)")
        }
        guard !numbers.contains(where: \.isNaN) else {
            throw .invalidOption(
                layer: layer, option: "thresholds", expected: "numbers", found: "NaN")
        }
    }

    /// Whether a score of the first criterion is surer than another; a number is surer than NaN.
    func isSurer(_ score: Float, than other: Float) -> Bool {
        switch self {
        case .threshold(let criterion, _), .perClass(let criterion, _):
            if score.isNaN || other.isNaN { return !score.isNaN }
            return criterion.isSurerBelow ? score < other : score > other
        case .both(let a, _), .either(let a, _): return a.isSurer(score, than: other)
        }
    }

    /// Whether a row leaves at exit `exit`, and the score of the policy's first criterion.
    func decide(
        _ logits: ArraySlice<Float>, exit: Int, state: inout RowState, layer: String
    ) throws(ProteanError) -> (leaves: Bool, score: Float) {
        if state.isEmpty { state = RowState(repeating: .init(), count: criteria) }
        var next = 0
        return try decide(logits, exit, &state, &next, layer)
    }

    private func decide(
        _ logits: ArraySlice<Float>, _ exit: Int, _ state: inout RowState, _ next: inout Int,
        _ layer: String
    ) throws(ProteanError) -> (leaves: Bool, score: Float) {
        switch self {
        case .threshold(let criterion, let thresholds):
            let score = criterion.score(logits, state: &state[next])
            next += 1
            return (criterion.passes(score, thresholds[exit]), score)
        case .perClass(let criterion, let thresholds):
            let score = criterion.score(logits, state: &state[next])
            next += 1
            let found = Criterion.predictedClass(logits), list = thresholds[exit]
            guard list.indices.contains(found) else {
                throw .invalidOption(
                    layer: layer, option: "thresholds of exit \(exit)",
                    expected: "one for each of \(logits.count) classes", found: "\(list.count)")
            }
            return (criterion.passes(score, list[found]), score)
        case .both(let a, let b), .either(let a, let b):
            let first = try a.decide(logits, exit, &state, &next, layer)
            let second = try b.decide(logits, exit, &state, &next, layer)
            if case .both = self { return (first.leaves && second.leaves, first.score) }
            return (first.leaves || second.leaves, first.score)
        }
    }
}
