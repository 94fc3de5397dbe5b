import Protean

/// An image read as a sequence by a network that leaves out steps, and a linear classifier on its last
/// state: the sequential MNIST of Skip RNN (arXiv 1708.06834) and its relatives.
///
/// Input `[batch, height, width, channels]`; a step is one pixel or one row of pixels, from the top
/// left. Output `[batch, classes]`. Parameters: the reader's under `rnn` (and `policy`, where it has
/// one), the classifier's under `fc`. ``run(_:)`` tells what was read.
public final class SequenceClassifier: Layer {
    /// The network that reads.
    public enum Reader: Sendable, Hashable {
        /// ``SkipLSTM`` with the authors' names.
        case skipLSTM
        /// ``SkipGRU`` with the authors' names.
        case skipGRU
        /// ``SkimLSTM`` with a small cell of this many units.
        case skimLSTM(small: Int)
        /// An ``LSTMCell`` with a ``JumpPolicy``.
        case jumpLSTM(read: Int, maximumJump: Int, jumps: Int)
        /// Three layers of ``HMLSTMCells``; the classifier reads all of them.
        case hmLSTM
    }

    /// Pixels of a step.
    public enum Step: String, Sendable, CaseIterable {
        /// One pixel.
        case pixel
        /// One row of pixels.
        case row
    }

    /// The reader's parts, then `fc`.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let runner: SequenceRunner
    private let skip: (any SkipNetwork)?
    private let head: Linear
    private let step: Step
    private let width: Int, channels: Int

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - reader: the network that reads.
    ///   - step: pixels of a step.
    ///   - width: of the images.
    ///   - channels: of the images.
    ///   - hiddenSize: units of each layer.
    ///   - classes: of the classifier.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        reader: Reader, step: Step, width: Int = 28, channels: Int = 1, hiddenSize: Int,
        classes: Int = 10
    ) throws(ProteanError) {
        guard (1...65_536).contains(width), (1...65_536).contains(channels) else {
            throw .invalidOption(
                layer: "SequenceClassifier", option: "width and channels", expected: "1...65536",
                found: "\(width) and \(channels)")
        }
        self.step = step
        self.width = width
        self.channels = channels
        let size = step == .pixel ? channels : width * channels
        let parts = try Self.parts(reader, inputSize: size, hiddenSize: hiddenSize)
        runner = parts.runner
        skip = parts.named.first?.module as? any SkipNetwork
        head = try Linear(
            inputFeatures: runner.cells[0].outputSize, outputFeatures: classes, seed: 99)
        submodules = parts.named + [NamedModule("fc", head)]
    }

    private static func parts(
        _ reader: Reader, inputSize: Int, hiddenSize: Int
    ) throws(ProteanError) -> (runner: SequenceRunner, named: [NamedModule]) {
        switch reader {
        case .skipLSTM:
            let network = try SkipLSTM(
                inputSize: inputSize, sizes: [hiddenSize], names: .tensorFlow)
            return (network.runner, [NamedModule("rnn", network)])
        case .skipGRU:
            let network = try SkipGRU(
                inputSize: inputSize, sizes: [hiddenSize], names: .tensorFlow)
            return (network.runner, [NamedModule("rnn", network)])
        case .skimLSTM(let small):
            let network = try SkimLSTM(
                inputSize: inputSize, hiddenSize: hiddenSize, smallSize: small)
            return (network.runner, [NamedModule("rnn", network)])
        case .jumpLSTM(let read, let maximumJump, let jumps):
            let cell = try LSTMCell(inputSize: inputSize, hiddenSize: hiddenSize)
            let policy = try JumpPolicy(
                hiddenSize: hiddenSize, read: read, maximumJump: maximumJump, jumps: jumps)
            let runner = try SequenceRunner(cells: [cell], policy: policy)
            return (runner, [NamedModule("rnn", cell), NamedModule("policy", policy)])
        case .hmLSTM:
            let cells = try HMLSTMCells(
                inputSize: inputSize, sizes: [hiddenSize, hiddenSize, hiddenSize])
            let runner = try SequenceRunner(cells: [cells], policy: ReadEverything())
            return (runner, [NamedModule("rnn", cells)])
        }
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        if x.isShapeOnly { return try shapes(x) }
        return try run(x).logits
    }

    /// The classes' logits, and what each image's steps were.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func run(
        _ x: Tensor
    ) throws(ProteanError) -> (logits: Tensor, run: SequenceRunner.Result) {
        let steps = try steps(x)
        let sequence = try TensorSequence(
            x.reshaped(to: [x.shape[0], steps, runner.cells[0].inputSize]))
        let result: SequenceRunner.Result
        if let skip {
            result = try skip.run(sequence, keepsOutput: false)
        } else {
            result = try runner.run(sequence, keepsOutput: false)
        }
        return (try head(result.state[0]), result)
    }

    private func steps(_ x: Tensor) throws(ProteanError) -> Int {
        guard x.rank == 4, x.shape[2] == width, x.shape[3] == channels else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, height, \(width), \(channels)]",
                found: x.shape)
        }
        return step == .pixel ? x.shape[1] * width : x.shape[1]
    }

    /// The result's shape, counted as if every step were read.
    private func shapes(_ x: Tensor) throws(ProteanError) -> Tensor {
        let steps = try steps(x), cell = runner.cells[0]
        let hidden = try traced(
            "SequenceClassifier", path: label, input: x,
            cost: { _ in
                Cost(
                    multiplyAdds: x.shape[0] * steps * cell.multiplyAddsPerStep,
                    parameters: parameterCount - head.parameterCount, bytes: 4 * x.count)
            }
        ) { () throws(ProteanError) in try Tensor(shapeOnly: [x.shape[0], cell.outputSize]) }
        return try head(hidden)
    }
}
