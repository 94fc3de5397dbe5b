import Synchronization

/// A record of the filters that layers predicted for every pixel, and of the maps that assign a
/// filter to every pixel.
///
/// ```swift
/// let record = FilterRecord()
/// _ = try record.recording { try model(x) }
/// let moments = try record.entries.last!.moments()
/// ```
/// Keeps the filters of every layer that ran, and so their memory.
public final class FilterRecord: Sendable {
    /// What a layer predicted.
    public enum Content: Sendable {
        /// One filter per output pixel and group of channels: `[batch, height, width,
        /// groups · taps]`, group after group, taps row by row. `dilation` is the distance of two
        /// taps in pixels.
        case filters(Tensor, kernelSize: Size2d, dilation: Size2d, groups: Int)
        /// The number of each output pixel's filter, `[batch, height, width, 1]`, from 0 to
        /// `count - 1`.
        case regions(Tensor, count: Int)
    }

    /// One application of one layer.
    public struct Entry: Sendable {
        /// The layer's path in the model, or its type.
        public let path: String
        /// The shape of the layer's input.
        public let inputShape: [Int]
        /// The shape of its output.
        public let outputShape: [Int]
        /// What it predicted.
        public let content: Content
    }

    @TaskLocal static var current: FilterRecord?

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

    /// Adds an entry to the active record, if there is one; `content` is evaluated only then. A
    /// layer of your own calls it after its work.
    ///
    /// - Throws: what `content` throws.
    public static func note(
        path: String, input: Tensor, output: Tensor,
        _ content: () throws(ProteanError) -> Content
    ) throws(ProteanError) {
        guard let current else { return }
        let entry = Entry(
            path: path, inputShape: input.shape, outputShape: output.shape,
            content: try content())
        current.recorded.withLock { $0.append(entry) }
    }
}
