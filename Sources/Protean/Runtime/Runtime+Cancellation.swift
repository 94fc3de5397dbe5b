extension Runtime {
    /// Runs `body` so that it ends early when the task in which it runs is cancelled.
    ///
    /// ```swift
    /// let large = try Runtime.stoppingWhenCancelled { try model(photo) }
    /// ```
    /// Layers look before every kernel that they start; a kernel that has begun is finished, so
    /// that the delay is the longest single layer's time. Outside of such a scope a model runs to
    /// its end whatever happens to the task. The check costs nothing that can be measured.
    /// - Throws: `CancellationError` once the task is cancelled, else what `body` throws. Inside
    ///   `body` the same is seen as ``ProteanError/cancelled``.
    public static func stoppingWhenCancelled<R>(_ body: () throws -> R) throws -> R {
        try Task.checkCancellation()
        do {
            return try checkingCancellation(body)
        } catch ProteanError.cancelled {
            throw CancellationError()
        }
    }
}
