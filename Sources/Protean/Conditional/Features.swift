/// Named tensors that share a batch of which rows may leave.
///
/// A stage of a network reads and writes them by name. When rows leave (``keep(_:)``), nothing moves:
/// a tensor is narrowed to the rows that are still there when it is next read, so that a tensor that
/// is never read again costs nothing.
///
/// ```swift
/// var features = Features(x)
/// features.set("coarse", try stem(try features.tensor("x")))
/// try features.keep(RowPlan(where: undecided))
/// let coarse = try features.tensor("coarse")     // gathered here
/// ```
public struct Features: Sendable {
    private struct Entry: Sendable {
        var tensor: Tensor
        /// The rows of the first batch that the tensor holds.
        var rows: RowPlan
    }

    /// The rows of the first batch that are still there.
    public private(set) var rows: RowPlan
    private var entries: [String: Entry] = [:]

    /// One tensor with all its rows. A scalar has one row.
    public init(_ x: Tensor, name: String = "x") {
        rows = RowPlan(all: x.shape.first ?? 1)
        entries[name] = Entry(tensor: x, rows: rows)
    }

    /// The names, in alphabetical order.
    public var names: [String] { entries.keys.sorted() }

    /// The tensor of this name with the rows that are still there.
    ///
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)``, or when memory is short.
    public mutating func tensor(_ name: String) throws(ProteanError) -> Tensor {
        guard let entry = entries[name] else {
            throw .unknownName(kind: "feature", name: name, known: names)
        }
        if entry.rows == rows { return entry.tensor }
        let kept = try entry.rows.positions(of: rows)
        let narrowed = try Operations.gatherRows(entry.tensor, kept, layer: "Features")
        entries[name] = Entry(tensor: narrowed, rows: rows)
        return narrowed
    }

    /// Removes a tensor and returns it, so that its memory can be reused or freed.
    ///
    /// - Throws: as ``tensor(_:)``.
    public mutating func take(_ name: String) throws(ProteanError) -> Tensor {
        let tensor = try tensor(name)
        entries[name] = nil
        return tensor
    }

    /// Adds or replaces a tensor.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` unless it has one row for
    ///   each that is still there.
    public mutating func set(_ name: String, _ tensor: Tensor) throws(ProteanError) {
        guard tensor.shape.first == rows.count else {
            throw .shapeMismatch(
                layer: "Features", tensor: name, expected: "[\(rows.count), ...]",
                found: tensor.shape)
        }
        entries[name] = Entry(tensor: tensor, rows: rows)
    }

    /// Forgets a tensor and frees its memory; nothing happens if there is none of this name.
    public mutating func drop(_ name: String) { entries[name] = nil }

    /// Lets all rows leave but some.
    ///
    /// - Parameter kept: counts within the rows that are still there.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the plan is of
    ///   another batch.
    public mutating func keep(_ kept: RowPlan) throws(ProteanError) {
        rows = try rows.narrowed(to: kept)
    }
}
