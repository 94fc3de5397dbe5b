extension ExitNetwork {
    /// Runs until every row has left: at each exit the rows that the policy is sure of leave with the
    /// exit's logits, and later stages compute the others only.
    ///
    /// - Parameters:
    ///   - x: the network's input.
    ///   - policy: which rows leave; one threshold for each exit, the last one's for `fallback`.
    ///   - fallback: the logits of rows that the policy lets leave nowhere.
    ///   - counting: whether the result's executed multiply-adds are counted by the layers that ran
    ///     instead of taken from the table of costs; needed where stages decide themselves what they
    ///     compute. The batch is then narrowed at every exit.
    /// - Throws: ``ProteanError`` when `x` or the policy does not fit.
    public func dynamic(
        _ x: Tensor, policy: ExitPolicy, fallback: Fallback = .last, counting: Bool = false
    ) throws(ProteanError) -> ExitResult {
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        try policy.check(exits: exitCount, layer: place)
        var run = ExitRun(
            batch: x.shape.first ?? 0, policy: policy, fallback: fallback,
            table: try costs(for: x.shape), narrowBelow: counting ? 1 : narrowBelow)
        guard counting else {
            try go(x, &run)
            return try run.result(executed: nil)
        }
        let trace = Trace(), listener = Trace.current
        try trace.recording { () throws(ProteanError) in try go(x, &run) }
        for event in trace.events { listener?.append(event) }
        let origin = RowScope.origin(batch: x.shape.first ?? 0)
        let executed = trace.executed(batch: origin.batch)
        return try run.result(executed: origin.rows.map { executed[$0] })
    }

    private func go(_ x: Tensor, _ run: inout ExitRun) throws(ProteanError) {
        var features = Features(x, name: inputName)
        var previous: Tensor?
        for exit in stages.indices {
            let rows = features.rows
            let logits = try RowScope.with(rows) { () throws(ProteanError) in
                try stages[exit].run(&features)
                return try predict(exit, &features, previous: previous)
            }
            try run.leave(at: exit, rows: rows, logits: logits, layer: place)
            if run.undecided == 0 { break }
            let kept = run.kept(of: rows)
            try features.keep(kept)
            previous = try Operations.gatherRows(logits, kept, layer: place)
        }
    }

    /// The deepest exit that a budget of multiply-adds per sample pays for, with its logits.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when even the first exit
    ///   costs more, or ``ProteanError`` when `x` does not fit.
    public func anytime(
        _ x: Tensor, multiplyAdds: Int
    ) throws(ProteanError) -> (logits: Tensor, exit: Int) {
        let table = try costs(for: x.shape)
        guard let exit = table.deepest(within: multiplyAdds) else {
            throw .invalidOption(
                layer: place, option: "multiplyAdds",
                expected: "at least \(table.exits[0].multiplyAdds), the first exit's",
                found: "\(multiplyAdds)")
        }
        return (try until(exit, x), exit)
    }

    /// The logits of the deepest exit that is finished when `deadline` passes. The time is looked at
    /// between stages; the first exit always runs.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func anytime(
        _ x: Tensor, deadline: ContinuousClock.Instant
    ) throws(ProteanError) -> (logits: Tensor, exit: Int) {
        var features = Features(x, name: inputName)
        try stages[0].run(&features)
        var logits = try predict(0, &features, previous: nil), exit = 0
        while exit + 1 < exitCount, ContinuousClock.now < deadline {
            try stages[exit + 1].run(&features)
            logits = try predict(exit + 1, &features, previous: logits)
            exit += 1
        }
        return (logits, exit)
    }
}

/// The state of one batch on its way through the exits.
private struct ExitRun {
    let policy: ExitPolicy
    let fallback: ExitNetwork.Fallback
    let table: CostTable
    let narrowBelow: Double
    /// By row of the batch: whether it has left, where, with what score and logits.
    var hasLeft: [Bool]
    var exits: [Int]
    var scores: [Float]
    var logits: [ArraySlice<Float>]
    var states: [ExitPolicy.RowState]
    /// The last exit that a row has run through.
    var reached: [Int]
    var classes = 0
    var undecided: Int
    var wasted = 0

    init(
        batch: Int, policy: ExitPolicy, fallback: ExitNetwork.Fallback, table: CostTable,
        narrowBelow: Double
    ) {
        self.policy = policy
        self.fallback = fallback
        self.table = table
        self.narrowBelow = narrowBelow
        hasLeft = [Bool](repeating: false, count: batch)
        exits = [Int](repeating: 0, count: batch)
        scores = [Float](repeating: .nan, count: batch)
        logits = [ArraySlice<Float>](repeating: [], count: batch)
        states = [ExitPolicy.RowState](repeating: [], count: batch)
        reached = exits
        undecided = batch
    }

    /// Lets rows leave at an exit whose logits are those of `rows`.
    mutating func leave(
        at exit: Int, rows: RowPlan, logits found: Tensor, layer: String
    ) throws(ProteanError) {
        classes = found.shape[1]
        let isLast = exit == table.exits.count - 1
        let values = found.elements
        let before = exit == 0 ? 0 : table.exits[exit - 1].multiplyAdds
        let step = table.exits[exit].multiplyAdds - before
        for (index, row) in rows.rows.enumerated() {
            if hasLeft[row] {
                wasted += step
                continue
            }
            let own = values[index * classes..<(index + 1) * classes]
            let (leaves, score) = try policy.decide(
                own, exit: exit, state: &states[row], layer: layer)
            reached[row] = exit
            if leaves || keeps(score, of: row, isFirst: exit == 0) {
                (exits[row], scores[row], logits[row]) = (exit, score, own)
            }
            guard leaves || isLast else { continue }
            hasLeft[row] = true
            undecided -= 1
        }
    }

    /// Whether this exit's logits replace those kept for a row that has not left.
    private func keeps(_ score: Float, of row: Int, isFirst: Bool) -> Bool {
        if fallback == .last || isFirst || scores[row].isNaN { return true }
        return policy.isSurer(score, than: scores[row])
    }

    /// Of the rows that were computed those that go on.
    func kept(of rows: RowPlan) -> RowPlan {
        let share = Double(undecided) / Double(max(rows.count, 1))
        if share == 1 || (share >= narrowBelow && narrowBelow < 1) {
            return RowPlan(all: rows.count)
        }
        return RowPlan(where: rows.rows.map { !hasLeft[$0] })
    }

    func result(executed: [Int]?) throws(ProteanError) -> ExitResult {
        ExitResult(
            logits: try Tensor(logits.flatMap { $0 }, shape: [logits.count, classes]),
            exits: exits, scores: scores,
            executed: executed ?? reached.map { table.exits[$0].multiplyAdds }, wasted: wasted)
    }
}
