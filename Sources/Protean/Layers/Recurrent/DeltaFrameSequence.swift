import Synchronization

/// Frames of videos `[batch, time, height, width, channels]` read through ``DeltaSequential``: of each
/// frame only what has changed since the frame that the video has last read is computed.
///
/// Every video is a stream with a state of its own, so skipped frames are simply not there, and a row
/// has the bits that it has alone. The result's mean over the pixels is the vector of the step. With
/// epsilon 0 it is that of the dense layers, computed directly. The streams begin when the value is
/// made: make a new one for each run, whose rows read their frames in order.
public final class DeltaFrameSequence: SequenceInput {
    /// Rows of the batch.
    public let batch: Int
    /// Steps of each row.
    public let time: Int
    /// Unknown beforehand: what changes decides. A trace has what was executed.
    public let multiplyAddsPerRead = 0

    private let frames: FrameBatch
    private let encoder: DeltaSequential
    private let states: Mutex<[DeltaState]>

    /// Reads frames through `encoder`.
    ///
    /// - Throws: ``ProteanError`` when the frames do not fit.
    public init(_ frames: Tensor, encoder: DeltaSequential) throws(ProteanError) {
        self.frames = try FrameBatch(frames, layer: "DeltaFrameSequence")
        batch = self.frames.batch
        time = self.frames.time
        self.encoder = encoder
        let start = encoder.initialState(for: self.frames.frameShape)
        states = Mutex([DeltaState](repeating: start, count: self.frames.batch))
    }

    /// Runs the changes of these frames.
    public func read(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        var vectors: [Tensor] = []
        for place in places {
            var state = states.withLock { $0[place.row] }
            let y = try encoder(frames.frames([place]), state: &state)
            let next = state
            states.withLock { $0[place.row] = next }
            vectors.append(try Operations.globalAveragePool(y).reshaped(to: [1, y.shape[3]]))
        }
        guard !vectors.isEmpty else {
            let y = try Tensor(zeros: [0] + frames.frameShape.dropFirst())
            return try y.reshaped(to: [0, 1])
        }
        return try Operations.concatenate(vectors, axis: 0)
    }
}
