/// Which of several resolutions the running call works at, for layers that keep something for each.
///
/// ``Resized`` runs its network in such a scope; ``ResolutionConvNorm`` reads it.
public enum ResolutionScope {
    @TaskLocal static var index: Int?

    /// The index of the resolution; 0 outside of a scope.
    public static var current: Int { index ?? 0 }

    /// Runs `body` at the resolution of index `index`.
    ///
    /// - Throws: what `body` throws.
    public static func with<R>(
        _ index: Int, _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        let outcome = $index.withValue(index) { Result { () throws(ProteanError) in try body() } }
        return try outcome.get()
    }
}
