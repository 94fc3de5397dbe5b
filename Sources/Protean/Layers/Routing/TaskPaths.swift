/// A path through a shared network for each of several tasks, so that one batch can hold rows of
/// different tasks.
///
/// ```swift
/// let paths = try TaskPaths(tasks: 2, sites: ["blocks.0": [[1], [0]], "blocks.1": [[1], [1]]])
/// let y = try DecisionSource.with(paths.source(for: [0, 1, 1])) { () throws(ProteanError) in
///     try trunk(x)
/// }
/// ```
public struct TaskPaths: Sendable, Hashable {
    /// Number of tasks.
    public let tasks: Int
    /// For each site, by the path of its part, the actions of every task.
    public let sites: [String: [[Int]]]

    /// Paths of tasks.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when a site has no
    ///   list for some task.
    public init(tasks: Int, sites: [String: [[Int]]]) throws(ProteanError) {
        try checkOption(tasks, "tasks", in: 1...OptionLimits.experts, layer: "TaskPaths")
        for (site, lists) in sites where lists.count != tasks {
            throw .invalidOption(
                layer: "TaskPaths", option: "actions of \(site)", expected: "\(tasks) lists",
                found: "\(lists.count)")
        }
        self.tasks = tasks
        self.sites = sites
    }

    /// The decisions for a batch whose rows belong to these tasks. Sites without a list are left to
    /// their gates.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a task out of
    ///   range.
    public func source(for rows: [Int]) throws(ProteanError) -> DecisionSource {
        if let wrong = rows.firstIndex(where: { !(0..<tasks).contains($0) }) {
            throw .invalidOption(
                layer: "TaskPaths", option: "task of row \(wrong)", expected: "0..<\(tasks)",
                found: "\(rows[wrong])")
        }
        return .table(
            sites.mapValues { lists in
                rows.map { lists[$0].map { Choice.Pick(action: $0) } }
            })
    }
}
