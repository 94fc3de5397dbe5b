import Synchronization

/// A record of the gates that attention layers computed: the factors by which they multiplied their
/// maps.
///
/// ```swift
/// let record = AttentionRecord()
/// _ = try record.recording { try model(x) }
/// let gates = record.entries.last!.gates
/// ```
/// Keeps the gates of every layer that ran, and so their memory.
public final class AttentionRecord: Sendable {
    /// One application of one gate. A layer with two gates one after the other has two entries.
    public struct Entry: Sendable {
        /// The layer's path in the model, or its type.
        public let path: String
        /// The shape of the map that was multiplied, `[batch, height, width, channels]`.
        public let inputShape: [Int]
        /// The factors, `[batch, height, width, channels]`, with size 1 along axes that share one.
        public let gates: Tensor
    }

    @TaskLocal static var current: AttentionRecord?

    private let recorded = Mutex<[Entry]>([])

    /// An empty record.
    public init() {}

    /// The entries recorded so far, in the order in which layers finished.
    public var entries: [Entry] { recorded.withLock { $0 } }

    /// Runs `body` while layers applied in it are recorded here. Throws what `body` throws, as
    /// ``Trace/recording(_:)``.
    public func recording<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        try Self.$current.withValue(self) { Result { () throws(E) in try body() } }.get()
    }

    /// Adds an entry to the active record, if there is one; `gates` is evaluated only then. A layer
    /// of your own calls it after its work.
    ///
    /// - Parameters:
    ///   - path: the layer's path in the model, or its type.
    ///   - input: the map that was multiplied.
    ///   - gates: the factors: `[batch, channels]`, or four axes as ``Entry/gates``.
    /// - Throws: what `gates` throws.
    public static func note(
        path: String, input: Tensor, _ gates: () throws(ProteanError) -> Tensor
    ) throws(ProteanError) {
        guard let current else { return }
        var factors = try gates()
        if factors.rank == 2 {
            factors = try factors.reshaped(to: [factors.shape[0], 1, 1, factors.shape[1]])
        }
        let entry = Entry(path: path, inputShape: input.shape, gates: factors)
        current.recorded.withLock { $0.append(entry) }
    }
}
