import Synchronization

/// A record of the decisions that a network took: who decided what for which row.
///
/// ```swift
/// let trace = DecisionTrace()
/// _ = try trace.recording { try network(x) }
/// print(trace.entries.count, trace.uniquePaths)
/// ```
public final class DecisionTrace: Sendable {
    /// One decision of one site.
    public struct Entry: Sendable, Hashable {
        /// The path of the part that decided.
        public let site: String
        /// The rows of the outermost batch that it was decided for.
        public let rows: RowPlan
        /// What was decided.
        public let choice: Choice
    }

    @TaskLocal static var current: DecisionTrace?

    private let recorded = Mutex<[Entry]>([])

    /// An empty record.
    public init() {}

    /// The decisions so far, in the order in which they were taken.
    public var entries: [Entry] { recorded.withLock { $0 } }

    /// Runs `body` while decisions taken in it are recorded here. Throws what `body` throws, as
    /// ``Trace/recording(_:)``.
    public func recording<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        try Self.$current.withValue(self) { Result { () throws(E) in try body() } }.get()
    }

    /// Adds a decision to the active record, if there is one.
    public static func note(site: String, rows: RowPlan, _ choice: Choice) {
        guard let current else { return }
        let entry = Entry(site: site, rows: rows, choice: choice)
        current.recorded.withLock { $0.append(entry) }
    }

    /// The sites in order of their first decision.
    public var sites: [String] {
        var known: Set<String> = []
        return entries.map(\.site).filter { known.insert($0).inserted }
    }

    /// The actions of every row at every site, as ``DecisionSource/table(_:)`` takes them. A row that
    /// did not reach a site has none there; of several decisions at one site the last counts.
    public var table: [String: [[Choice.Pick]]] {
        let entries = entries
        let batch = entries.map(\.rows.batch).max() ?? 0
        var table: [String: [[Choice.Pick]]] = [:]
        for entry in entries {
            var rows = table[entry.site] ?? [[Choice.Pick]](repeating: [], count: batch)
            for (index, row) in entry.rows.rows.enumerated() {
                rows[row] = entry.choice.picks[index]
            }
            table[entry.site] = rows
        }
        return table
    }

    /// The actions of one row at all ``sites``; nil where the row was not decided.
    public func path(ofRow row: Int) -> [[Int]?] {
        var found: [String: [Int]] = [:]
        for entry in entries {
            guard let index = entry.rows.rows.firstIndex(of: row) else { continue }
            found[entry.site] = entry.choice.picks[index].map(\.action)
        }
        return sites.map { found[$0] }
    }

    /// Number of different paths that rows took: of n gates there could be 2ⁿ.
    public var uniquePaths: Int {
        let batch = entries.map(\.rows.batch).max() ?? 0
        return Set((0..<batch).map { path(ofRow: $0) }).count
    }
}
