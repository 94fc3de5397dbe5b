/// The rows of a batch that are computed: an ascending list without repetition.
///
/// A row is one sample: everything that a tensor holds at one index of its first axis. Plans compose:
/// a plan of rows that stay, made for a compact batch, becomes one for the full batch by
/// ``narrowed(to:)``.
///
/// ```swift
/// let undecided = RowPlan(where: [true, false, true])       // rows 0 and 2 of 3
/// let compact = try Operations.gatherRows(x, undecided)     // [2, ...]
/// ```
public struct RowPlan: Sendable, Hashable {
    /// Number of rows of the batch that ``rows`` refers to.
    public let batch: Int
    /// The chosen rows, ascending.
    public let rows: [Int]

    /// All rows of a batch; a negative size counts as 0.
    public init(all batch: Int) {
        self.batch = max(batch, 0)
        rows = Array(0..<max(batch, 0))
    }

    /// A list of rows of a batch of `batch` rows.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the list is not
    ///   ascending, repeats a row or has one out of the batch.
    public init(rows: [Int], batch: Int) throws(ProteanError) {
        for (index, row) in rows.enumerated() {
            let least = index == 0 ? 0 : rows[index - 1] + 1
            guard row >= least, row < batch else {
                throw .invalidOption(
                    layer: "RowPlan", option: "rows[\(index)]",
                    expected: "rows of 0..<\(batch) in ascending order", found: "\(row)")
            }
        }
        self.batch = batch
        self.rows = rows
    }

    /// The rows whose flag is set.
    public init(where keep: [Bool]) {
        batch = keep.count
        rows = keep.indices.filter { keep[$0] }
    }

    /// Rows that are known to be ascending, unique and within the batch.
    init(trusted rows: [Int], batch: Int) {
        self.rows = rows
        self.batch = batch
    }

    /// Number of chosen rows.
    public var count: Int { rows.count }
    /// Whether no row is chosen.
    public var isEmpty: Bool { rows.isEmpty }
    /// Whether all rows of the batch are chosen.
    public var isComplete: Bool { rows.count == batch }

    /// Of this plan's rows those that `inner` chooses, where `inner` counts within the compact batch of
    /// ``count`` rows; the result counts within this plan's batch.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `inner` is of
    ///   another batch.
    public func narrowed(to inner: RowPlan) throws(ProteanError) -> RowPlan {
        try inner.check(batch: count, layer: "RowPlan")
        return RowPlan(trusted: inner.rows.map { rows[$0] }, batch: batch)
    }

    /// The position of `kept`'s rows within this plan: the inverse of ``narrowed(to:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `kept` is of another
    ///   batch or has a row that this plan does not have.
    public func positions(of kept: RowPlan) throws(ProteanError) -> RowPlan {
        try kept.check(batch: batch, layer: "RowPlan")
        var found: [Int] = []
        found.reserveCapacity(kept.count)
        var at = 0
        for row in kept.rows {
            while at < rows.count, rows[at] < row { at += 1 }
            guard at < rows.count, rows[at] == row else {
                throw .invalidOption(
                    layer: "RowPlan", option: "rows", expected: "rows of the plan \(rows)",
                    found: "\(row)")
            }
            found.append(at)
        }
        return RowPlan(trusted: found, batch: count)
    }

    /// The rows of the batch that are not chosen.
    public var inverted: RowPlan {
        var keep = [Bool](repeating: true, count: batch)
        for row in rows { keep[row] = false }
        return RowPlan(where: keep)
    }

    /// One plan per key: plan k has the rows whose key is k, by one counting sort, in ascending
    /// order.
    ///
    /// - Parameters:
    ///   - keys: one per row, each in 0 ..< `count`.
    ///   - count: number of keys.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a key out of
    ///   range.
    public static func buckets(of keys: [Int], count: Int) throws(ProteanError) -> [RowPlan] {
        var lists = [[Int]](repeating: [], count: max(count, 0))
        for (row, key) in keys.enumerated() {
            guard lists.indices.contains(key) else {
                throw .invalidOption(
                    layer: "RowPlan", option: "keys[\(row)]", expected: "0..<\(count)",
                    found: "\(key)")
            }
            lists[key].append(row)
        }
        return lists.map { RowPlan(trusted: $0, batch: keys.count) }
    }

    /// Throws unless the plan is one of a batch of `batch` rows.
    func check(batch: Int, layer: String) throws(ProteanError) {
        guard self.batch == batch else {
            throw .invalidOption(
                layer: layer, option: "rows", expected: "a plan of a batch of \(batch)",
                found: "one of \(self.batch)")
        }
    }
}
