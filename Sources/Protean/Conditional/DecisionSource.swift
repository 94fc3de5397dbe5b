/// Where decisions come from: the network's own gates, or a table made before the network runs.
///
/// Every conditional part asks the source that is active in its task, so one network serves its gates,
/// a policy network's table, a replay of recorded decisions, and forced budgets.
///
/// ```swift
/// let trace = DecisionTrace()
/// _ = try trace.recording { try network(x) }
/// let replay = DecisionSource.table(trace.table)
/// let y = try DecisionSource.with(replay) { () throws(ProteanError) in try network(x) }
/// ```
public enum DecisionSource: Sendable {
    /// The network's own gates decide.
    case gates
    /// Actions by site and row of the outermost batch: `table[site]?[row]`. A site that the table does
    /// not have is decided by its gate.
    case table([String: [[Choice.Pick]]])
    /// Every site chooses these actions for every row, with weight 1.
    case everywhere([Int])

    @TaskLocal static var current: DecisionSource = .gates

    /// Runs `body` with decisions from `source`.
    ///
    /// - Throws: what `body` throws.
    public static func with<R>(
        _ source: DecisionSource, _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        let outcome = $current.withValue(source) {
            Result { () throws(ProteanError) in try body() }
        }
        return try outcome.get()
    }

    /// The decision at a site: from the active source, else from `gate`. The active
    /// ``DecisionTrace`` records it.
    ///
    /// - Parameters:
    ///   - site: the path of the part that asks.
    ///   - batch: number of rows of the call.
    ///   - actions: number of actions.
    ///   - gate: makes the decision where the source has none.
    /// - Throws: ``ProteanError`` when a table does not fit, and what `gate` throws.
    public static func decide(
        site: String, batch: Int, actions: Int, gate: () throws(ProteanError) -> Choice
    ) throws(ProteanError) -> Choice {
        let rows = RowScope.origin(batch: batch)
        let choice: Choice
        if let given = try current.given(site: site, rows: rows, actions: actions) {
            choice = given
        } else {
            choice = try gate()
        }
        guard choice.rows == batch, choice.actions == actions else {
            throw .invalidOption(
                layer: site, option: "decision", expected: "\(batch) rows of \(actions) actions",
                found: "\(choice.rows) of \(choice.actions)")
        }
        DecisionTrace.note(site: site, rows: rows, choice)
        return choice
    }

    /// The decision that a table or a fixed list gives; nil where gates decide.
    private func given(
        site: String, rows: RowPlan, actions: Int
    ) throws(ProteanError) -> Choice? {
        switch self {
        case .gates: return nil
        case .everywhere(let list):
            let picks = list.map { Choice.Pick(action: $0) }
            return try Choice(
                actions: actions, picks: [[Choice.Pick]](repeating: picks, count: rows.count))
        case .table(let table):
            guard let site = table[site] else { return nil }
            var picks: [[Choice.Pick]] = []
            for row in rows.rows {
                guard row < site.count else {
                    throw .invalidOption(
                        layer: "DecisionSource", option: "table",
                        expected: "at least \(row + 1) rows", found: "\(site.count)")
                }
                picks.append(site[row])
            }
            return try Choice(actions: actions, picks: picks)
        }
    }
}
