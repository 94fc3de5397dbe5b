/// Looks at every frame coarsely and at some finely: Wu, Xiong, Jiang, Davis, "LiteEval: A
/// Coarse-to-Fine Framework for Resource Efficient Video Recognition", arXiv 1912.01601.
///
/// At each frame a coarse LSTM reads cheap features. A gate on these features and the coarse state
/// chooses (1) to compute the dear features and update the fine LSTM, or (0) to skip: then the coarse
/// h and c overwrite the first units of the fine ones, and the dear network does not run. The result
/// is a linear classifier on the fine h after the last frame. Details of the gate that the paper leaves
/// open are this library's: `W [x, h, c] + b`.
///
/// Parameters: `coarse`, `fine` (the networks of frames), `coarse_rnn`, `fine_rnn` (an ``LSTMCell``
/// each), `gate` `[2, coarse features + 2 · coarse units]`, `classifier`.
public final class LiteEval: Module {
    /// What ``run(_:)`` returns.
    public struct Result: Sendable {
        /// `[batch, classes]` after the last frame.
        public let logits: Tensor
        /// For each video the frames that were looked at finely.
        public let fine: [[Int]]
        /// Multiply-adds executed for each video.
        public let executed: [Int]
    }

    /// All parts.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let coarse: any Layer, fine: any Layer
    private let coarseCell: LSTMCell, fineCell: LSTMCell
    private let gate: Linear, classifier: Linear
    private let rule: Rule

    /// A network.
    ///
    /// - Parameters:
    ///   - coarse: frames to cheap features.
    ///   - fine: frames to dear features.
    ///   - coarseFeatures: of the first.
    ///   - fineFeatures: of the second.
    ///   - coarseSize: units of the coarse LSTM, at most `fineSize`.
    ///   - fineSize: units of the fine LSTM.
    ///   - classes: of the classifier.
    ///   - rule: how the gate's two scores become a decision; a sampling rule draws from their softmax.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        coarse: any Layer, fine: any Layer, coarseFeatures: Int, fineFeatures: Int,
        coarseSize: Int, fineSize: Int, classes: Int, rule: Rule = .argmax, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkOption(fineSize, "fineSize", in: 1...OptionLimits.channels / 8, layer: "LiteEval")
        try checkOption(coarseSize, "coarseSize", in: 1...fineSize, layer: "LiteEval")
        self.coarse = coarse
        self.fine = fine
        self.rule = rule
        coarseCell = try LSTMCell(inputSize: coarseFeatures, hiddenSize: coarseSize, seed: seed)
        fineCell = try LSTMCell(inputSize: fineFeatures, hiddenSize: fineSize, seed: seed &+ 8)
        gate = try Linear(
            inputFeatures: coarseFeatures + 2 * coarseSize, outputFeatures: 2, seed: seed &+ 16)
        classifier = try Linear(
            inputFeatures: fineSize, outputFeatures: classes, seed: seed &+ 17)
        submodules = [
            NamedModule("coarse", coarse), NamedModule("fine", fine),
            NamedModule("coarse_rnn", coarseCell), NamedModule("fine_rnn", fineCell),
            NamedModule("gate", gate), NamedModule("classifier", classifier),
        ]
    }

    /// Classifies videos `[batch, time, height, width, channels]`.
    ///
    /// - Throws: ``ProteanError`` when the frames do not fit.
    public func run(_ videos: Tensor) throws(ProteanError) -> Result {
        let frames = try FrameBatch(videos, layer: place)
        let batch = frames.batch
        var state = (
            coarse: try coarseCell.zeroState(batch: batch),
            fine: try fineCell.zeroState(batch: batch)
        )
        var executed = [Int](repeating: 0, count: batch)
        var seen = [[Int]](repeating: [], count: batch)
        let costs = (
            coarse: try coarse.multiplyAdds(forOne: frames.frameShape)
                + gate.inputFeatures * 2,
            fine: try fine.multiplyAdds(forOne: frames.frameShape)
        )
        for step in 0..<frames.time {
            let places = (0..<batch).map { SequencePlace(row: $0, step: step) }
            let x = try coarse.vectors(frames.frames(places))
            state.coarse = try coarseCell.step(x, state.coarse, executed: &executed)
            let scores = try gate(Operations.concatenate([x] + state.coarse, axis: 1))
            let actions = try rule.actions(scores)
            DecisionTrace.note(
                site: place, rows: RowScope.origin(batch: batch), try Choice(actions, actions: 2))
            executed.addToAll(costs.coarse)
            try look(RowPlan(where: actions.map { $0 == 1 }), frames, step, &state.fine, &executed)
            try overwrite(RowPlan(where: actions.map { $0 != 1 }), state.coarse, &state.fine)
            for (row, action) in actions.enumerated() where action == 1 {
                seen[row].append(step)
                executed[row] += costs.fine
            }
        }
        executed.addToAll(classifier.inputFeatures * classifier.outputFeatures)
        return Result(logits: try classifier(state.fine[0]), fine: seen, executed: executed)
    }

    /// The fine step of the chosen rows.
    private func look(
        _ rows: RowPlan, _ frames: FrameBatch, _ step: Int, _ state: inout [Tensor],
        _ executed: inout [Int]
    ) throws(ProteanError) {
        guard !rows.isEmpty else { return }
        let x = try fine.vectors(
            frames.frames(rows.rows.map { SequencePlace(row: $0, step: step) }))
        var compact: [Tensor] = []
        for tensor in state { compact.append(try Operations.gatherRows(tensor, rows)) }
        var counts = [Int](repeating: 0, count: rows.count)
        let next = try fineCell.step(x, compact, executed: &counts)
        for (index, row) in rows.rows.enumerated() { executed[row] += counts[index] }
        for index in state.indices {
            try Operations.scatterRows(next[index], rows, into: &state[index])
        }
    }

    /// The first units of the fine state become the coarse ones.
    private func overwrite(
        _ rows: RowPlan, _ coarse: [Tensor], _ fine: inout [Tensor]
    ) throws(ProteanError) {
        guard !rows.isEmpty else { return }
        for index in fine.indices {
            let new = try Operations.gatherRows(coarse[index], rows)
            let old = try Operations.gatherRows(fine[index], rows)
            let rest = try Operations.channels(
                coarseCell.hiddenSize..<fineCell.hiddenSize, of: old)
            try Operations.scatterRows(
                try Operations.concatenate([new, rest], axis: 1), rows, into: &fine[index])
        }
    }
}
