import Foundation

/// Chooses which frame of a video to look at next, and when it has seen enough: Wu, Xiong, Ma, Socher,
/// Davis, "AdaFrame: Adaptive Frame Selection for Fast Video Recognition", arXiv 1811.12432.
///
/// A light network gives a memory of M frames spread over the video. At each step an LSTM cell reads
/// the features of the frame it looks at and what it attends to in the memory,
/// `softmax((W_q h) · (W_k m_j + e_j))` with e_j the sine and cosine code of the place j; then
/// `prediction` gives classes, `selection` the next place in 0...1 (a sigmoid), and `utility` the
/// reward expected from looking on. A video is done when its utility has stayed at least `margin`
/// below its largest so far for `patience` steps, or after `steps` steps. The first frame is the first.
/// No code of the authors is public: shapes and formulas that the paper leaves open are this library's.
///
/// Parameters: `light`, `encoder` (networks of frames), `query`, `key`, `rnn`, `prediction`,
/// `selection`, `utility`. Cost: the light network on M frames, the encoder on the frames looked at.
public final class AdaFrame: Module {
    /// What ``run(_:)`` returns.
    public struct Result: Sendable {
        /// The last step's classes of each video, `[batch, classes]`.
        public let logits: Tensor
        /// The frames that each video's steps looked at, in order.
        public let frames: [[Int]]
        /// Multiply-adds executed for each video.
        public let executed: [Int]
    }

    /// How long a video is looked at.
    public struct Stopping: Sendable {
        /// The most steps.
        public var steps: Int
        /// How far the utility must fall below its largest value.
        public var margin: Float
        /// For how many steps in a row.
        public var patience: Int

        /// A rule to stop.
        public init(steps: Int = 10, margin: Float = 0.7, patience: Int = 2) {
            self.steps = steps
            self.margin = margin
            self.patience = patience
        }
    }

    /// All parts.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let light: any Layer, encoder: any Layer
    private let query: Linear, key: Linear, prediction: Linear, selection: Linear, utility: Linear
    private let cell: LSTMCell
    private let memory: Int
    private let stopping: Stopping

    /// A network.
    ///
    /// - Parameters:
    ///   - light: frames to the memory's features.
    ///   - encoder: frames to the features that the cell reads.
    ///   - lightFeatures: of the first.
    ///   - features: of the second.
    ///   - hiddenSize: units of the cell.
    ///   - attentionSize: features in which query and memory meet, even.
    ///   - classes: of the prediction.
    ///   - memory: frames in the memory.
    ///   - stopping: how long a video is looked at.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        light: any Layer, encoder: any Layer, lightFeatures: Int, features: Int, hiddenSize: Int,
        attentionSize: Int = 64, classes: Int, memory: Int = 16, stopping: Stopping = Stopping(),
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "AdaFrame"
        try checkOption(memory, "memory", in: 1...OptionLimits.points, layer: layer)
        try checkOption(stopping.steps, "steps", in: 1...OptionLimits.length, layer: layer)
        try checkOption(stopping.patience, "patience", in: 1...OptionLimits.length, layer: layer)
        guard attentionSize >= 2, attentionSize % 2 == 0, attentionSize <= OptionLimits.channels
        else {
            throw .invalidOption(
                layer: layer, option: "attentionSize", expected: "an even number from 2",
                found: "\(attentionSize)")
        }
        guard !stopping.margin.isNaN else {
            throw .invalidOption(layer: layer, option: "margin", expected: "a number", found: "NaN")
        }
        self.light = light
        self.encoder = encoder
        self.memory = memory
        self.stopping = stopping
        cell = try LSTMCell(
            inputSize: features + lightFeatures, hiddenSize: hiddenSize, seed: seed)
        func linear(_ from: Int, _ to: Int, _ index: UInt64) throws(ProteanError) -> Linear {
            try Linear(inputFeatures: from, outputFeatures: to, seed: seed &+ 8 &+ index)
        }
        query = try linear(hiddenSize, attentionSize, 0)
        key = try linear(lightFeatures, attentionSize, 1)
        prediction = try linear(hiddenSize, classes, 2)
        selection = try linear(hiddenSize, 1, 3)
        utility = try linear(hiddenSize, 1, 4)
        submodules = [
            NamedModule("light", light), NamedModule("encoder", encoder),
            NamedModule("query", query), NamedModule("key", key), NamedModule("rnn", cell),
            NamedModule("prediction", prediction), NamedModule("selection", selection),
            NamedModule("utility", utility),
        ]
    }

    /// Classifies videos `[batch, time, height, width, channels]` of at least one frame.
    ///
    /// - Throws: ``ProteanError`` when the frames do not fit.
    public func run(_ videos: Tensor) throws(ProteanError) -> Result {
        let frames = try FrameBatch(videos, layer: place)
        try checkOption(frames.time, "time", in: 1...OptionLimits.points, layer: place)
        let batch = frames.batch
        var run = AdaFrameRun(batch: batch, state: try cell.zeroState(batch: batch))
        run.logits = try Tensor(zeros: [batch, prediction.outputFeatures])
        let memory = try remember(frames, &run)
        for _ in 0..<stopping.steps {
            let rows = RowPlan(where: run.isDone.map { !$0 })
            if rows.isEmpty { break }
            try look(rows, frames, memory, &run)
        }
        return Result(logits: run.logits, frames: run.seen, executed: run.executed)
    }

    /// Features `[batch, M, features]` and keys `[batch, M, attention]` of the memory.
    private func remember(
        _ frames: FrameBatch, _ run: inout AdaFrameRun
    ) throws(ProteanError) -> (values: Tensor, keys: Tensor) {
        let spots = (0..<memory).map { $0 * frames.time / memory }
        let places = (0..<frames.batch).flatMap { row in
            spots.map { SequencePlace(row: row, step: $0) }
        }
        let values = try light.vectors(frames.frames(places))
        let keys = try key(values).reshaped(to: [frames.batch, memory, key.outputFeatures])
        let cost =
            try light.multiplyAdds(forOne: frames.frameShape)
            + key.inputFeatures * key.outputFeatures
        run.executed.addToAll(memory * cost)
        return (
            try values.reshaped(to: [frames.batch, memory, values.shape[1]]), try keys + codes()
        )
    }

    /// Sine and cosine of each place, `[M, attention]`.
    private func codes() throws(ProteanError) -> Tensor {
        let size = query.outputFeatures
        var codes: [Float] = []
        for place in 0..<memory {
            for pair in 0..<size / 2 {
                let angle = Double(place) * pow(10_000, -Double(2 * pair) / Double(size))
                codes += [Float(sin(angle)), Float(cos(angle))]
            }
        }
        return try Tensor(codes, shape: [memory, size])
    }

    /// One step of the rows that are not done.
    private func look(
        _ rows: RowPlan, _ frames: FrameBatch, _ memory: (values: Tensor, keys: Tensor),
        _ run: inout AdaFrameRun
    ) throws(ProteanError) {
        var compact: [Tensor] = []
        for tensor in run.state { compact.append(try Operations.gatherRows(tensor, rows)) }
        let x = try encoder.vectors(
            frames.frames(rows.rows.map { SequencePlace(row: $0, step: run.next[$0]) }))
        let seen = try attend(
            compact[0], try Operations.gatherRows(memory.values, rows),
            try Operations.gatherRows(memory.keys, rows))
        var counts = [Int](repeating: 0, count: rows.count)
        let joined = try Operations.concatenate([x, seen], axis: 1)
        let next = try cell.step(joined, compact, executed: &counts)
        for index in next.indices {
            try Operations.scatterRows(next[index], rows, into: &run.state[index])
        }
        try Operations.scatterRows(try prediction(next[0]), rows, into: &run.logits)
        let places = try selection(next[0], activation: .sigmoid).elements
        let values = try utility(next[0]).elements
        let size = memory.values.shape[1] * (memory.values.shape[2] + query.outputFeatures)
        let heads = [query, prediction, selection, utility].reduce(0) {
            $0 + $1.inputFeatures * $1.outputFeatures
        }
        let cost = try encoder.multiplyAdds(forOne: frames.frameShape) + size + heads
        for (index, row) in rows.rows.enumerated() {
            run.executed[row] += counts[index] + cost
            run.note(
                row, place: places[index], utility: values[index], last: frames.time - 1, stopping)
        }
    }

    private func attend(
        _ h: Tensor, _ values: Tensor, _ keys: Tensor
    ) throws(ProteanError) -> Tensor {
        let (rows, count, size) = (keys.shape[0], keys.shape[1], keys.shape[2])
        let asked = try query(h).reshaped(to: [rows, size, 1])
        let scores = try Operations.matmul(keys, asked).reshaped(to: [rows, 1, count])
        let weights = try Operations.softmax(scores)
        return try Operations.matmul(weights, values).reshaped(to: [rows, values.shape[2]])
    }
}

/// What an ``AdaFrame`` keeps of a batch.
private struct AdaFrameRun {
    var state: [Tensor]
    var logits: Tensor
    var executed: [Int]
    var next: [Int]
    var seen: [[Int]]
    var isDone: [Bool]
    private var best: [Float], below: [Int]

    init(batch: Int, state: [Tensor]) {
        self.state = state
        logits = state[0]
        executed = [Int](repeating: 0, count: batch)
        next = executed
        below = executed
        seen = [[Int]](repeating: [], count: batch)
        isDone = [Bool](repeating: false, count: batch)
        best = [Float](repeating: -.infinity, count: batch)
    }

    /// The end of a row's step.
    mutating func note(
        _ row: Int, place: Float, utility: Float, last: Int, _ stopping: AdaFrame.Stopping
    ) {
        seen[row].append(next[row])
        best[row] = max(best[row], utility)
        below[row] = best[row] - utility >= stopping.margin ? below[row] + 1 : 0
        isDone[row] = below[row] >= stopping.patience
        let target = place.isNaN ? 0 : Int((place * Float(last)).rounded())
        next[row] = min(max(target, 0), last)
    }
}
