import Synchronization

/// A record of the regions that networks looked at: which part of which sample, in which order.
///
/// ```swift
/// let record = GlimpseRecord()
/// _ = try record.recording { () throws(ProteanError) in try network(x) }
/// for glimpse in record.glimpses(ofRow: 0) { print(glimpse.row, glimpse.column, glimpse.size) }
/// ```
/// ``RegionGather``, ``Retina`` and ``AttentionCrop`` are recorded. A row is one of the batch that the
/// user gave, whatever was gathered in between.
public final class GlimpseRecord: Sendable {
    /// The regions of one call.
    public struct Entry: Sendable, Hashable {
        /// The layer that cut them.
        public let layer: String
        /// Height and width of the maps.
        public let mapSize: Size2d
        /// The rows of the outermost batch that the regions belong to.
        public let rows: RowPlan
        /// Of every row its regions, in order.
        public let regions: [[Glimpse]]
    }

    /// A rectangle of a map, in pixels; it may lie partly or wholly outside.
    public struct Glimpse: Sendable, Hashable {
        /// The first row and column.
        public let row, column: Int
        /// Height and width.
        public let size: Size2d
    }

    @TaskLocal static var current: GlimpseRecord?

    private let recorded = Mutex<[Entry]>([])

    /// An empty record.
    public init() {}

    /// The calls so far, in their order.
    public var entries: [Entry] { recorded.withLock { $0 } }

    /// Runs `body` while regions cut in it are recorded here. Throws what `body` throws, as
    /// ``Trace/recording(_:)``.
    public func recording<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        try Self.$current.withValue(self) { Result { () throws(E) in try body() } }.get()
    }

    /// What one row of the outermost batch was looked at, in order. Rows that left early have fewer.
    public func glimpses(ofRow row: Int) -> [Glimpse] {
        entries.flatMap { entry in
            entry.rows.rows.firstIndex(of: row).map { entry.regions[$0] } ?? []
        }
    }

    /// Adds the regions of a call on `rows` rows to the active record, if there is one.
    ///
    /// `places` has the same number of regions for every row, row by row.
    static func note(
        layer: String, shape: [Int], rows: Int, places: [CropPlace], size: Size2d
    ) {
        guard let current else { return }
        let each = rows == 0 ? 0 : places.count / rows
        let regions = (0..<rows).map { row in
            places[row * each..<(row + 1) * each].map {
                Glimpse(row: $0.row, column: $0.column, size: size)
            }
        }
        current.append(layer: layer, shape: shape, regions)
    }

    func append(layer: String, shape: [Int], _ regions: [[Glimpse]]) {
        let entry = Entry(
            layer: layer, mapSize: Size2d(height: shape[1], width: shape[2]),
            rows: RowScope.origin(batch: regions.count), regions: regions)
        recorded.withLock { $0.append(entry) }
    }
}
