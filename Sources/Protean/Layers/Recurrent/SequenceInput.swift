/// Where a ``SequenceRunner`` reads the input of a row at a step. Only the steps that are read are
/// asked for: an embedding or a network of frames runs for these alone.
public protocol SequenceInput: Sendable {
    /// Rows of the batch.
    var batch: Int { get }
    /// Steps of the longest row.
    var time: Int { get }
    /// Multiply-adds of making one step's input.
    var multiplyAddsPerRead: Int { get }
    /// The inputs of rows at steps, `[places.count, features]`, one for each place.
    ///
    /// - Throws: ``ProteanError`` when making an input fails.
    func read(_ places: [SequencePlace]) throws(ProteanError) -> Tensor
}

/// A step of a row of a batch.
public struct SequencePlace: Sendable, Hashable {
    /// The row of the batch.
    public let row: Int
    /// The step, from 0.
    public let step: Int

    /// A step of a row.
    public init(row: Int, step: Int) {
        self.row = row
        self.step = step
    }
}

/// Inputs that exist already, `[batch, time, features]`.
public struct TensorSequence: SequenceInput {
    /// Rows of the batch.
    public let batch: Int
    /// Steps of each row.
    public let time: Int
    /// Nothing is computed.
    public let multiplyAddsPerRead = 0
    private let flat: Tensor

    /// Reads a tensor `[batch, time, features]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public init(_ x: Tensor) throws(ProteanError) {
        guard x.rank == 3 else {
            throw .shapeMismatch(
                layer: "TensorSequence", tensor: "x", expected: "[batch, time, features]",
                found: x.shape)
        }
        batch = x.shape[0]
        time = x.shape[1]
        flat = try x.reshaped(to: [batch * time, x.shape[2]])
    }

    /// Copies the rows.
    public func read(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        try Operations.indexSelect(flat, axis: 0, indices: places.map { $0.row * time + $0.step })
    }
}

/// Words as indices `[batch, time]`, of which only the read ones are looked up.
public struct TokenSequence: SequenceInput {
    /// Rows of the batch.
    public let batch: Int
    /// Steps of each row.
    public let time: Int
    /// Nothing is computed.
    public let multiplyAddsPerRead = 0
    private let tokens: Tensor
    private let embedding: Embedding

    /// Reads indices `[batch, time]` through an embedding.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public init(_ tokens: Tensor, embedding: Embedding) throws(ProteanError) {
        guard tokens.rank == 2 else {
            throw .shapeMismatch(
                layer: "TokenSequence", tensor: "tokens", expected: "[batch, time]",
                found: tokens.shape)
        }
        batch = tokens.shape[0]
        time = tokens.shape[1]
        self.tokens = try tokens.reshaped(to: [tokens.count, 1])
        self.embedding = embedding
    }

    /// Looks the words up.
    public func read(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        let chosen = try Operations.indexSelect(
            tokens, axis: 0, indices: places.map { $0.row * time + $0.step })
        return try embedding(chosen.reshaped(to: [places.count]))
    }
}

/// Frames of videos `[batch, time, height, width, channels]`, each read through a network whose
/// result is one vector.
public struct FrameSequence: SequenceInput {
    /// Rows of the batch.
    public let batch: Int
    /// Steps of each row.
    public let time: Int
    /// Those of the network for one frame.
    public let multiplyAddsPerRead: Int
    private let frames: Tensor
    private let encoder: any Layer

    /// Reads frames through `encoder`; axes of its result beyond the first are joined.
    ///
    /// - Throws: ``ProteanError`` when the frames do not fit.
    public init(_ frames: Tensor, encoder: any Layer) throws(ProteanError) {
        let layer = "FrameSequence"
        guard frames.rank == 5 else {
            throw .shapeMismatch(
                layer: layer, tensor: "frames", expected: "[batch, time, height, width, channels]",
                found: frames.shape)
        }
        batch = frames.shape[0]
        time = frames.shape[1]
        self.frames = try frames.reshaped(to: [batch * time] + frames.shape[2...])
        self.encoder = encoder
        multiplyAddsPerRead = try encoder.cost(for: [1] + frames.shape[2...]).multiplyAdds
    }

    /// Runs the network on the frames of these places.
    public func read(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        let chosen = try Operations.indexSelect(
            frames, axis: 0, indices: places.map { $0.row * time + $0.step })
        let y = try encoder(chosen)
        return try y.reshaped(to: [places.count, y.shape.dropFirst().reduce(1, *)])
    }
}
