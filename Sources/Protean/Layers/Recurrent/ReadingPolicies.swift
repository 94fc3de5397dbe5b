/// Decides whether a word is read before it reaches the cell, from what precedes and follows it:
/// Huang, Shen, Deng, "Leap-LSTM: Enhancing Long Short-Term Memory for Text Categorization",
/// arXiv 1905.11558.
///
/// `W₂ relu(W₁ [h, x, f] + b₁) + b₂` scores keeping (0) and leaving out (1), where f describes the
/// words that follow, made beforehand for every step (``FollowingText``). Parameters: `hidden` and
/// `decision`, a ``Linear`` each.
public final class LeapPolicy: StepPolicy {
    /// Nothing is remembered.
    public let initialMemory: [Float] = []
    /// `hidden` and `decision`.
    public let submodules: [NamedModule]
    /// Where the policy stands in a model.
    public let label: Label? = Label()

    private let hidden: Linear, decision: Linear
    private let following: Tensor?
    private let rule: Rule

    /// A policy without features of the following words; ``with(following:)`` adds a batch's.
    ///
    /// - Parameters:
    ///   - hiddenSize: features of h.
    ///   - inputSize: features of a word.
    ///   - followingSize: features of what follows a word; 0 for none.
    ///   - units: of the decision's hidden layer.
    ///   - rule: how the scores become a decision; a sampling rule draws from their softmax.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        hiddenSize: Int, inputSize: Int, followingSize: Int = 0, units: Int = 32,
        rule: Rule = .argmax, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkOption(
            followingSize, "followingSize", in: 0...OptionLimits.channels, layer: "LeapPolicy")
        hidden = try Linear(
            inputFeatures: hiddenSize + inputSize + followingSize, outputFeatures: units,
            seed: seed)
        decision = try Linear(inputFeatures: units, outputFeatures: 2, seed: seed &+ 1)
        submodules = [NamedModule("hidden", hidden), NamedModule("decision", decision)]
        following = nil
        self.rule = rule
    }

    private init(_ other: LeapPolicy, _ following: Tensor) {
        hidden = other.hidden
        decision = other.decision
        submodules = other.submodules
        rule = other.rule
        self.following = following
    }

    /// The same policy, sharing its parameters, with features `[batch, time, followingSize]` of what
    /// follows each word of a batch.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public func with(following: Tensor) throws(ProteanError) -> LeapPolicy {
        guard following.rank == 3 else {
            throw .shapeMismatch(
                layer: place, tensor: "following", expected: "[batch, time, features]",
                found: following.shape)
        }
        return LeapPolicy(self, following)
    }

    /// Reads or leaves out.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        var parts = [try turn.state(0), try turn.input()]
        if let following {
            let time = following.shape[1]
            let places = zip(turn.rows, turn.steps).map { $0 * time + $1 }
            let flat = try following.reshaped(
                to: [following.shape[0] * time, following.shape[2]])
            parts.append(try Operations.indexSelect(flat, axis: 0, indices: places))
        }
        let units = try hidden(Operations.concatenate(parts, axis: 1), activation: .relu)
        turn.executed.addToAll(
            hidden.inputFeatures * hidden.outputFeatures + 2 * decision.inputFeatures)
        return try rule.actions(decision(units)).map { $0 == 0 ? .update : .copy }
    }
}

/// Features of the words that follow each word, made once before a text is read: the state of a
/// small LSTM that reads from the end, at the next word.
///
/// Result `[batch, time, hidden]`; of a row's last word zeros. Parameters: those of an ``LSTM`` under
/// `reverse`; it reads forward a sequence that is turned round within each row's length. Cost: one
/// step of the small LSTM per word.
public final class FollowingText: Module {
    /// `reverse`.
    public let submodules: [NamedModule]
    /// Where the module stands in a model.
    public let label: Label? = Label()
    private let reverse: LSTM

    /// A reader with `hiddenSize` units and seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(inputSize: Int, hiddenSize: Int, seed: UInt64 = 0) throws(ProteanError) {
        reverse = try LSTM(inputSize: inputSize, hiddenSize: hiddenSize, seed: seed)
        submodules = [NamedModule("reverse", reverse)]
    }

    /// The features of `[batch, time, inputSize]`.
    ///
    /// - Throws: ``ProteanError`` when `x` or a length does not fit.
    public func features(_ x: Tensor, lengths: [Int]? = nil) throws(ProteanError) -> Tensor {
        guard x.rank == 3 else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, time, \(reverse.inputSize)]",
                found: x.shape)
        }
        let (batch, time) = (x.shape[0], x.shape[1])
        try RecurrentOptions.check(lengths, batch: batch, time: time, layer: place)
        let all = lengths ?? [Int](repeating: time, count: batch)
        var turned: [Int] = [], next: [Int] = [], places: [Int] = []
        for (row, length) in all.enumerated() {
            for step in 0..<time {
                turned.append(row * time + (step < length ? length - 1 - step : step))
                guard step + 1 < length else { continue }
                places.append(row * time + step)
                next.append(row * time + length - 2 - step)
            }
        }
        let flat = try x.reshaped(to: [batch * time, x.shape[2]])
        let backwards = try Operations.indexSelect(flat, axis: 0, indices: turned)
        let states = try reverse.run(backwards.reshaped(to: x.shape), lengths: all).output
            .reshaped(to: [batch * time, reverse.hiddenSize])
        var result = try Tensor(zeros: [batch * time, reverse.hiddenSize])
        try result.setRows(places, to: try Operations.indexSelect(states, axis: 0, indices: next))
        return try result.reshaped(to: [batch, time, reverse.hiddenSize])
    }
}

/// Stops reading when a classifier on h is sure enough: early exit over time.
///
/// Before each step but the first `minimum`, `W h + b` is scored by a criterion (a probability, an
/// entropy, a margin, an accept head, or patience: as many steps in a row with the same class), and a
/// row whose score passes the threshold reads no further. Parameter: `stop`, a ``Linear``. Memory: what
/// the criterion carries from step to step, and how many steps were read.
public final class StopReading: StepPolicy {
    /// No class yet, nothing read.
    public let initialMemory: [Float] = [-1, .nan, 0, 0]
    /// `stop`.
    public let submodules: [NamedModule]
    /// Where the policy stands in a model.
    public let label: Label? = Label()

    /// The classifier on h.
    public let head: Linear
    private let criterion: Criterion
    private let threshold: Float
    private let minimum: Int

    /// A policy.
    ///
    /// - Parameters:
    ///   - hiddenSize: features of h.
    ///   - classes: of the classifier.
    ///   - criterion: how a row's logits are scored.
    ///   - threshold: see ``Criterion/passes(_:_:)``.
    ///   - minimum: steps that every row reads, at least 1.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        hiddenSize: Int, classes: Int, criterion: Criterion, threshold: Float, minimum: Int = 1,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "StopReading"
        try checkOption(minimum, "minimum", in: 1...OptionLimits.length, layer: layer)
        guard !threshold.isNaN else {
            throw .invalidOption(
                layer: layer, option: "threshold", expected: "a number", found: "NaN")
        }
        head = try Linear(inputFeatures: hiddenSize, outputFeatures: classes, seed: seed)
        submodules = [NamedModule("stop", head)]
        self.criterion = criterion
        self.threshold = threshold
        self.minimum = minimum
    }

    /// Reads on, or stops.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        var actions = [StepAction](repeating: .update, count: turn.count)
        let asked = turn.memory.indices.filter { turn.memory[$0][3] >= 1 }
        if !asked.isEmpty {
            let logits = try head(turn.state(0, of: asked)).elements
            let classes = head.outputFeatures
            for (index, place) in asked.enumerated() {
                turn.executed[place] += head.inputFeatures * classes
                var carried = Self.state(turn.memory[place])
                let score = criterion.score(
                    logits[index * classes..<(index + 1) * classes], state: &carried)
                let read = turn.memory[place][3]
                turn.memory[place] = Self.memory(carried, read)
                if read >= Float(minimum), criterion.passes(score, threshold) {
                    actions[place] = .stop
                }
            }
        }
        for place in turn.memory.indices where actions[place] == .update {
            turn.memory[place][3] += 1
        }
        return actions
    }

    private static func state(_ memory: [Float]) -> Criterion.RowState {
        var state = Criterion.RowState()
        state.lastClass = memory[0] >= 0 ? Int(memory[0]) : nil
        state.lastValue = memory[1].isNaN ? nil : memory[1]
        state.agreed = Int(memory[2])
        return state
    }

    private static func memory(_ state: Criterion.RowState, _ read: Float) -> [Float] {
        [
            state.lastClass.map { Float($0) } ?? -1, state.lastValue ?? .nan,
            Float(state.agreed), read,
        ]
    }
}
