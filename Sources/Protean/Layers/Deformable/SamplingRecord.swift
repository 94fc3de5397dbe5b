import Synchronization

/// A record of the sampling positions of layers with displacements.
///
/// ```swift
/// let record = SamplingRecord()
/// _ = try record.recording { try model(x) }
/// let last = record.entries.last!
/// for point in try last.points(row: 3, column: 4) { print(point.y, point.x) }
/// ```
/// Records ``DeformableConv2d``, ``DeformableConv2dPack``, ``ModulatedDeformableConv2d``,
/// ``ActiveConv2d``, ``DCNv3`` and ``DCNv4``. Keeps the displacements of every layer that ran, and
/// so their memory.
public final class SamplingRecord: Sendable {
    /// One sample of one output.
    public struct Point: Sendable, Equatable {
        /// Row and column of the input that a convolution would read.
        public var regularY, regularX: Float
        /// Row and column that were sampled; 0 is the first pixel's centre.
        public var y, x: Float
        /// The factor of the sample, 1 without modulation.
        public var modulation: Float
    }

    /// One application of one layer.
    public struct Entry: Sendable {
        /// The layer's path in the model, or its type.
        public let path: String
        /// `[batch, height, width, channels]` of the layer's input.
        public let inputShape: [Int]
        /// `[batch, height, width, channels]` of its output.
        public let outputShape: [Int]
        /// Height and width of the kernel.
        public let kernelSize: Size2d
        /// Groups of channels that share their displacements: of input channels, in an active
        /// convolution of output channels.
        public let offsetGroups: Int
        let places: any SampledPlaces
    }

    @TaskLocal static var current: SamplingRecord?

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

    func append(path: String, input: Tensor, output: Tensor, _ places: any SampledPlaces) {
        let entry = Entry(
            path: path, inputShape: input.shape, outputShape: output.shape,
            kernelSize: places.kernelSize, offsetGroups: places.groups, places: places)
        recorded.withLock { $0.append(entry) }
    }
}

extension SamplingRecord.Entry {
    /// The sampling positions of one output's taps: row by row, in ``DCNv3`` and ``DCNv4`` column
    /// by column.
    ///
    /// - Parameters:
    ///   - row: of the output.
    ///   - column: of the output.
    ///   - sample: of the batch.
    ///   - group: of the displacements.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for an output or a
    ///   group that is not there, ``ProteanError/noValues(layer:)`` after a run without values.
    public func points(
        row: Int, column: Int, sample: Int = 0, group: Int = 0
    ) throws(ProteanError) -> [SamplingRecord.Point] {
        for (option, value, count) in [
            ("sample", sample, outputShape[0]), ("row", row, outputShape[1]),
            ("column", column, outputShape[2]), ("group", group, offsetGroups),
        ] where !(0..<count).contains(value) {
            throw .invalidOption(
                layer: path, option: option, expected: "0..<\(count)", found: "\(value)")
        }
        guard !places.given.contains(where: \.isShapeOnly) else { throw .noValues(layer: path) }
        let pixel = (sample * outputShape[1] + row) * outputShape[2] + column
        return places.points(
            SampledOutput(row: row, column: column, pixel: pixel, group: group), of: inputShape)
    }
}
