/// What was decided for each row of a batch: a set of actions with weights, and a score.
///
/// Whatever decides (a criterion, a gate, a policy, a given table), the decision has this form, and
/// whatever is decided (skipping, an exit, an expert, a resolution), it is read from this form.
public struct Choice: Sendable, Hashable {
    /// One action of one row.
    public struct Pick: Sendable, Hashable {
        /// The action, 0 ..< ``Choice/actions``.
        public let action: Int
        /// Its weight; never 0: an action of weight 0 is not chosen.
        public let weight: Float

        /// An action with its weight.
        public init(action: Int, weight: Float = 1) {
            self.action = action
            self.weight = weight
        }
    }

    /// Number of actions that could be chosen.
    public let actions: Int
    /// For each row its chosen actions, in ascending order; a row may have none.
    public let picks: [[Pick]]
    /// For each row the score that led to the decision; its meaning is the rule's.
    public let scores: [Float]

    /// A decision. Picks of weight 0 are dropped, and each row's are sorted by action.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when an action is out of
    ///   range or chosen twice, or the number of scores is not that of the rows.
    public init(
        actions: Int, picks: [[Pick]], scores: [Float]? = nil
    ) throws(ProteanError) {
        let scores = scores ?? [Float](repeating: 0, count: picks.count)
        guard scores.count == picks.count else {
            throw .invalidOption(
                layer: "Choice", option: "scores", expected: "\(picks.count)",
                found: "\(scores.count)")
        }
        var sorted: [[Pick]] = []
        sorted.reserveCapacity(picks.count)
        for (row, list) in picks.enumerated() {
            let kept = list.filter { $0.weight != 0 }.sorted { $0.action < $1.action }
            for (index, pick) in kept.enumerated()
            where !(0..<actions).contains(pick.action)
                || (index > 0 && kept[index - 1].action == pick.action)
            {
                throw .invalidOption(
                    layer: "Choice", option: "row \(row)",
                    expected: "different actions of 0..<\(actions)", found: "\(pick.action)")
            }
            sorted.append(kept)
        }
        self.init(trusted: sorted, actions: actions, scores: scores)
    }

    init(trusted picks: [[Pick]], actions: Int, scores: [Float]) {
        self.picks = picks
        self.actions = actions
        self.scores = scores
    }

    /// One action per row, with weight 1.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for an action out of
    ///   range.
    public init(_ chosen: [Int], actions: Int) throws(ProteanError) {
        try self.init(actions: actions, picks: chosen.map { [Pick(action: $0)] })
    }

    /// Number of rows.
    public var rows: Int { picks.count }

    /// The rows that chose an action.
    public func rows(choosing action: Int) -> RowPlan {
        RowPlan(
            trusted: picks.indices.filter { row in picks[row].contains { $0.action == action } },
            batch: picks.count)
    }

    /// The weights of an action, one for each row of ``rows(choosing:)``.
    public func weights(of action: Int) -> [Float] {
        picks.compactMap { $0.first { $0.action == action }?.weight }
    }

    /// The decision of some of the rows alone.
    ///
    /// - Throws: ``ProteanError`` when the plan is of another batch.
    public func narrowed(to plan: RowPlan) throws(ProteanError) -> Choice {
        try plan.check(batch: rows, layer: "Choice")
        return Choice(
            trusted: plan.rows.map { picks[$0] }, actions: actions,
            scores: plan.rows.map { scores[$0] })
    }
}

extension Choice {
    /// For each action the rows that chose it and their weights, found in one pass.
    func plans() -> [(plan: RowPlan, weights: [Float])] {
        var rows = [[Int]](repeating: [], count: actions)
        var weights = [[Float]](repeating: [], count: actions)
        for (row, picks) in picks.enumerated() {
            for pick in picks {
                rows[pick.action].append(row)
                weights[pick.action].append(pick.weight)
            }
        }
        return zip(rows, weights).map { (RowPlan(trusted: $0, batch: self.rows), $1) }
    }
}
