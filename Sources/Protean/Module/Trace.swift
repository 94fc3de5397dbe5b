import Synchronization

/// A record of the layers that ran: shapes, costs and times.
///
/// ```swift
/// let trace = Trace()
/// let y = try trace.recording { try model(x) }
/// for event in trace.events { print(event.path, event.outputShape, event.cost.multiplyAdds) }
/// ```
/// Layers applied to a tensor that carries a shape only are recorded too, with their costs.
public final class Trace: Sendable {
    /// One application of one layer.
    public struct Event: Sendable {
        /// The layer's path in the model, such as `features.3.conv`; its type for a layer without
        /// a path.
        public let path: String
        /// The layer's type, such as `Conv2d`.
        public let layer: String
        /// The shape of the main input.
        public let inputShape: [Int]
        /// The shape of the result.
        public let outputShape: [Int]
        /// Theoretical and executed cost.
        public let cost: Cost
        /// Wall time in seconds; 0 for a tensor that carries a shape only.
        public let seconds: Double
        /// The requested outputs, if the layer computes under a mask.
        public let mask: MaskPlan?
        /// The rows of the outermost batch that the call held; see ``RowScope``.
        public let rows: RowPlan
        /// Multiply-adds executed for each of ``rows``: the call's, shared evenly, or by a mask's
        /// pixels, unless the layer counts its rows itself.
        public let executedByRow: [Int]

        /// An event; by default of no row, for work that was not executed.
        init(
            path: String, layer: String, inputShape: [Int], outputShape: [Int], cost: Cost,
            seconds: Double, mask: MaskPlan?, rows: RowPlan = RowPlan(all: 0),
            executedByRow: [Int] = []
        ) {
            self.path = path
            self.layer = layer
            self.inputShape = inputShape
            self.outputShape = outputShape
            self.cost = cost
            self.seconds = seconds
            self.mask = mask
            self.rows = rows
            self.executedByRow = executedByRow
        }
    }

    @TaskLocal static var current: Trace?

    private let recorded = Mutex<[Event]>([])

    /// An empty record.
    public init() {}

    /// The events recorded so far, in the order in which layers finished.
    public var events: [Event] { recorded.withLock { $0 } }

    /// The sum of all recorded costs.
    public var totalCost: Cost { events.reduce(Cost()) { $0 + $1.cost } }

    /// Multiply-adds executed for each row of the outermost batch, which has `batch` rows.
    public func executed(batch: Int) -> [Int] {
        var sums = [Int](repeating: 0, count: batch)
        for event in events {
            for (row, executed) in zip(event.rows.rows, event.executedByRow) where row < batch {
                sums[row] += executed
            }
        }
        return sums
    }

    /// Runs `body` while layers applied in it are recorded here. Throws what `body` throws; a
    /// closure that throws must be written `{ () throws(ProteanError) in … }` to keep the error's
    /// type.
    public func recording<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        // `withValue` of a task-local value rethrows an untyped error; its type is restored here.
        try Self.$current.withValue(self) { Result { () throws(E) in try body() } }.get()
    }

    func append(_ event: Event) { recorded.withLock { $0.append(event) } }
}

extension Trace {
    /// Runs `body` unrecorded, for layers that record themselves as a whole.
    static func pausing<R>(
        _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        guard current != nil else { return try body() }
        let outcome = $current.withValue(nil) {
            Result { () throws(ProteanError) in try body() }
        }
        return try outcome.get()
    }
}

extension Trace {
    /// Runs `body` and adds up its layers' costs. An active trace still gets their events.
    static func measuring<R>(
        _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> (result: R, cost: Cost) {
        let own = Trace(), listener = current
        let outcome = $current.withValue(own) { Result { () throws(ProteanError) in try body() } }
        for event in own.events { listener?.append(event) }
        return (try outcome.get(), own.totalCost)
    }
}

/// Runs one layer and records it if a trace is active. Every leaf layer's call goes through here.
///
/// A layer made of layers that are traced themselves does not need it. See ``Trace``.
/// - Parameters:
///   - layer: the layer's type, as a trace names it; ``Module/typeName``.
///   - path: the layer's label.
///   - input: the main input; a trace keeps its shape.
///   - shape: the input's shape, if the input is not one tensor.
///   - mask: the requested outputs, if the layer computes under a mask.
///   - cost: the cost of the call; evaluated only if a trace is active.
///   - executedByRow: multiply-adds executed for each row of the input's first axis, for layers in
///     which rows differ; by default the cost's, shared evenly, or by the mask's pixels.
///   - body: the layer's work, `{ () throws(ProteanError) in … }`. Given an input that carries a
///     shape only (``Tensor/isShapeOnly``), it returns such a tensor and computes nothing.
/// - Returns: what `body` returns.
/// - Throws: what `body` throws.
public func traced(
    _ layer: String, path: Label?, input: Tensor, shape: [Int]? = nil, mask: MaskPlan? = nil,
    cost: (_ output: Tensor) -> Cost, executedByRow: (() -> [Int])? = nil,
    _ body: () throws(ProteanError) -> Tensor
) throws(ProteanError) -> Tensor {
    guard let trace = Trace.current else { return try body() }
    let start = ContinuousClock.now
    let output = try body()
    let elapsed = ContinuousClock.now - start
    let total = cost(output)
    let rows = RowScope.rows(of: shape ?? input.shape)
    trace.append(
        Trace.Event(
            path: path?.path ?? layer, layer: layer, inputShape: shape ?? input.shape,
            outputShape: output.shape, cost: total,
            seconds: input.isShapeOnly ? 0 : elapsed / .seconds(1), mask: mask, rows: rows,
            executedByRow: executedByRow?()
                ?? share(total.executedMultiplyAdds, rows: rows.count, mask: mask)))
    return output
}

/// A call's multiply-adds, shared by rows: by their active pixels under a mask, else evenly. What a
/// division leaves goes to the first rows, so that the sum stays.
private func share(_ executed: Int, rows: Int, mask: MaskPlan?) -> [Int] {
    guard rows > 0 else { return [] }
    if let mask, mask.batch == rows, mask.count > 0 {
        let each = executed / mask.count
        return mask.activePixels.map { each * $0.count }
    }
    return (0..<rows).map { executed / rows + ($0 < executed % rows ? 1 : 0) }
}
