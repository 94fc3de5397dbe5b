/// One recurrent gate for all blocks of a network: a long short-term memory cell that steps over
/// depth.
///
/// `h, c = LSTM(e, h, c)`, `p = σ(proj(h))`; the next block runs where p is above one half. e is an
/// embedding of the last block's output: its mean over the map through a 1 × 1 convolution of that
/// block's own (``embedding(channels:size:seed:)``). The state is zero before the first block of
/// every call. Wang, Yu, Dou, Darrell, Gonzalez, "SkipNet", arXiv 1711.09485.
///
/// Input `[batch, inputSize]`; scores `[batch, 2]`: pass 1 − p, run p. Parameters
/// `rnn.weight_ih_l0` `[4 · hidden, input]`, `rnn.weight_hh_l0`, `rnn.bias_ih_l0`,
/// `rnn.bias_hh_l0`, `proj.weight` `[1, hidden]` (in the form for ImageNet `[1, hidden, 1, 1]`) and
/// `proj.bias`. Cost: batch · (4 · hidden · (input + hidden) + hidden) multiply-adds, and the
/// embeddings.
public final class RecurrentGate: StatefulLayer {
    /// The form of the layer behind the cell; its function is the same.
    public enum Projection: String, Sendable, CaseIterable {
        /// A linear layer.
        case linear
        /// A 1 × 1 convolution.
        case convolution
    }

    /// Where the gate stands in a model.
    public let label: Label? = Label()
    /// `rnn` and `proj`.
    public let submodules: [NamedModule]

    private let cell: LSTMCell
    private let project: any Layer

    /// A gate with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int = 10, hiddenSize: Int = 10, projection: Projection = .linear,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        cell = try LSTMCell(inputSize: inputSize, hiddenSize: hiddenSize, seed: seed)
        switch projection {
        case .linear:
            project = try Linear(inputFeatures: hiddenSize, outputFeatures: 1, seed: seed &+ 4)
        case .convolution:
            project = try Conv2d(
                inputChannels: hiddenSize, outputChannels: 1, kernelSize: 1, seed: seed &+ 4)
        }
        submodules = [
            NamedModule("rnn", SingleLayerLSTM(cell)), NamedModule("proj", project),
        ]
    }

    /// The embedding of a block's output: `0` is the mean over the map, `1` a 1 × 1 convolution.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func embedding(
        channels: Int, size: Int = 10, seed: UInt64 = 0
    ) throws(ProteanError) -> DepthEmbedding {
        try DepthEmbedding(channels: channels, size: size, seed: seed)
    }

    /// Zeros.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func initialState(for input: [Int]) throws(ProteanError) -> LSTMCell.State {
        try cell.initialState(for: input)
    }

    /// The probabilities of passing and of running, `[batch, 2]`.
    ///
    /// - Throws: ``ProteanError`` when `x` or the state does not fit.
    public func callAsFunction(
        _ x: Tensor, state: inout LSTMCell.State
    ) throws(ProteanError) -> Tensor {
        let hidden = try cell(x, state: &state)
        let batch = x.shape[0], units = hidden.shape[1]
        let score =
            project is Conv2d
            ? try project(try hidden.reshaped(to: [batch, 1, 1, units])) : try project(hidden)
        // The softmax of 0 and a score has the score's sigmoid as its second entry.
        let pair = try Operations.pad(
            try score.reshaped(to: [batch, 1, 1, 1]), channelsBefore: 1)
        return try Operations.softmax(try pair.reshaped(to: [batch, 2]))
    }
}

/// What a ``RecurrentGate`` reads of a block's output: the mean over the map through a 1 × 1
/// convolution, `[batch, size]`. Parameters `1.weight` `[size, channels, 1, 1]`, `1.bias`.
public final class DepthEmbedding: Layer {
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let conv: Conv2d

    init(channels: Int, size: Int, seed: UInt64) throws(ProteanError) {
        conv = try Conv2d(
            inputChannels: channels, outputChannels: size, kernelSize: 1, seed: seed)
    }

    /// `1`: the convolution.
    public var submodules: [NamedModule] { [NamedModule("1", conv)] }

    /// The embedding of `x`, `[batch, height, width, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: place)
        let y = try conv(try x.pooledPixel())
        return try y.reshaped(to: [x.shape[0], conv.geometry.outputChannels])
    }
}

/// A cell's parameters under the names of a recurrent layer with one level.
private final class SingleLayerLSTM: Module {
    private let cell: LSTMCell

    init(_ cell: LSTMCell) { self.cell = cell }

    var label: Label? { cell.label }
    var parameters: [NamedParameter] {
        cell.parameters.map { NamedParameter($0.name + "_l0", $0.parameter) }
    }
}
