/// The rows of the outermost batch that the running call holds.
///
/// A container that computes only some rows runs its parts in such a scope, so that decisions made
/// inside are recorded, replayed and sampled under the number that the row has in the batch that
/// the user gave, whatever was gathered in between.
public enum RowScope {
    @TaskLocal static var active: RowPlan?

    /// The rows of the outermost batch that a call on `batch` rows holds: those of the innermost
    /// scope, or all rows outside of one or where the scope holds another number of rows, as for tokens,
    /// which are then numbered by themselves.
    public static func origin(batch: Int) -> RowPlan {
        guard let active, active.count == batch else { return RowPlan(all: batch) }
        return active
    }

    /// The rows that a call on a tensor of shape `shape` holds: those of the scope, also where the
    /// first axis is not the batch, such as tokens of all rows; outside of a scope those of the first
    /// axis.
    static func rows(of shape: [Int]) -> RowPlan { active ?? RowPlan(all: shape.first ?? 1) }

    /// Runs `body`, whose tensors hold the rows `inner` of the current ones.
    ///
    /// - Throws: what `body` throws.
    public static func with<R>(
        _ inner: RowPlan, _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        let plan = try origin(batch: inner.batch).narrowed(to: inner)
        let outcome = $active.withValue(plan) { Result { () throws(ProteanError) in try body() } }
        return try outcome.get()
    }
}
