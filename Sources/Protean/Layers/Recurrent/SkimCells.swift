/// A small cell on the first units of a large state: the rest of the state stays.
final class PrefixLSTMCell: RecurrentCell {
    let inputSize: Int
    let stateSizes: [Int]
    let submodules: [NamedModule]
    private let cell: LSTMCell

    init(_ cell: LSTMCell, hiddenSize: Int) {
        self.cell = cell
        inputSize = cell.inputSize
        stateSizes = [hiddenSize, hiddenSize]
        submodules = [NamedModule("cell", cell)]
    }

    var multiplyAddsPerStep: Int { cell.multiplyAddsPerStep }

    func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        let small = cell.hiddenSize, size = stateSizes[0]
        let next = try cell.step(
            x, Self.prefixes(state, small), executed: &executed)
        var joined: [Tensor] = []
        for (new, old) in zip(next, state) {
            let rest = try Operations.channels(small..<size, of: old)
            joined.append(try Operations.concatenate([new, rest], axis: 1))
        }
        return joined
    }

    private static func prefixes(_ state: [Tensor], _ size: Int) throws(ProteanError) -> [Tensor] {
        var parts: [Tensor] = []
        for tensor in state { parts.append(try Operations.channels(0..<size, of: tensor)) }
        return parts
    }
}

/// Chooses one of several cells for each step from the input and the state: `argmax(W [x, state] + b)`.
struct CellChoicePolicy: StepPolicy {
    let initialMemory: [Float] = []
    let linear: Linear
    let rule: Rule
    let readsCell: Bool

    func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        var parts = [try turn.input(), try turn.state(0)]
        if readsCell { parts.append(try turn.state(1)) }
        let logits = try linear(Operations.concatenate(parts, axis: 1))
        turn.executed.addToAll(linear.inputFeatures * linear.outputFeatures)
        return try rule.cells(logits)
    }
}

extension Rule {
    /// The cell that each row runs: the first action that the rule chooses.
    func cells(_ logits: Tensor) throws(ProteanError) -> [StepAction] {
        try actions(logits).map { .run(cell: $0) }
    }

    /// The first action that the rule chooses for each row. Logits that are not numbers choose 0, so
    /// that a step that would be read is read, and NaN goes on.
    func actions(_ logits: Tensor) throws(ProteanError) -> [Int] {
        let values = logits.elements, actions = max(logits.shape[1], 1)
        let clean = values.map { $0.isNaN ? -Float.infinity : $0 }
        var safe = clean
        for row in 0..<logits.shape[0] {
            let range = row * actions..<(row + 1) * actions
            if clean[range].allSatisfy({ $0 == -.infinity }) {
                for index in range { safe[index] = 0 }
            }
        }
        let scores = try Tensor(safe, shape: logits.shape)
        let made: Tensor
        switch self {
        case .sample: made = try Operations.softmax(scores)
        default: made = scores
        }
        return try choose(made).picks.map { $0.first?.action ?? 0 }
    }
}

/// An LSTM that reads or skims each step: Seo, Min, Farhadi, Hajishirzi, "Neural Speed Reading via
/// Skim-RNN", arXiv 1711.02085.
///
/// `Q = W [x, h, c] + b` chooses: 0, the large cell updates the whole state; 1, the small cell reads
/// and writes the first units alone, and the rest of h and c stays. Only the chosen cell runs, and
/// for the rows that chose it.
///
/// Parameters: `large_rnn` and `small_rnn` (an ``LSTMCell`` each) and `linear` `[2, input + 2 ·
/// hidden]`, or `[2, input + hidden]` without c, which is the paper's form. Cost per step: the chosen
/// cell and the decision's 2 · (input + 2 · hidden) multiply-adds.
public final class SkimLSTM: Module {
    /// Runs the two cells; cell 0 reads, cell 1 skims.
    public let runner: SequenceRunner
    /// `large_rnn`, `small_rnn` and `linear`.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - hiddenSize: units of the large cell.
    ///   - smallSize: units of the small cell, less than `hiddenSize`.
    ///   - readsCell: whether the decision sees c beside x and h.
    ///   - rule: how scores become a decision; a sampling rule draws from their softmax.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, hiddenSize: Int, smallSize: Int, readsCell: Bool = true,
        rule: Rule = .argmax, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkOption(
            hiddenSize, "hiddenSize", in: 2...OptionLimits.channels / 8, layer: "SkimLSTM")
        try checkOption(smallSize, "smallSize", in: 1...hiddenSize - 1, layer: "SkimLSTM")
        let large = try LSTMCell(inputSize: inputSize, hiddenSize: hiddenSize, seed: seed)
        let small = try LSTMCell(inputSize: inputSize, hiddenSize: smallSize, seed: seed &+ 8)
        let linear = try Linear(
            inputFeatures: inputSize + (readsCell ? 2 : 1) * hiddenSize, outputFeatures: 2,
            seed: seed &+ 16)
        submodules = [
            NamedModule("large_rnn", large), NamedModule("small_rnn", small),
            NamedModule("linear", linear),
        ]
        runner = try SequenceRunner(
            cells: [large, PrefixLSTMCell(small, hiddenSize: hiddenSize)],
            policy: CellChoicePolicy(linear: linear, rule: rule, readsCell: readsCell))
    }
}
