extension Runtime {
    /// Runs `body` so that it ends early when the task in which it runs is cancelled.
    ///
    /// ```swift
    /// let large = try Runtime.stoppingWhenCancelled { try model(photo) }
    /// ```
    /// Layers check for cancellation before every kernel; a running kernel is finished, so the
    /// delay is at most the longest single layer's time. Outside such a scope cancellation has no
    /// effect and a model runs to its end. The cost of the check is not measurable.
    /// - Throws: `CancellationError` once the task is cancelled, else what `body` throws. Inside
    ///   `body` layers throw ``ProteanError/cancelled`` instead.
    public static func stoppingWhenCancelled<R>(_ body: () throws -> R) throws -> R {
        try Task.checkCancellation()
        do {
            return try checkingCancellation(body)
        } catch ProteanError.cancelled {
            throw CancellationError()
        }
    }
}
