/// Reads some steps, then jumps: LSTM-Jump of Yu, Lee, Le, "Learning to Skim Text", arXiv 1704.06877.
///
/// After `read` steps in a row, `softmax(W h + b)` over 0...`maximumJump` chooses j: 0 stops, else the
/// next step read is the j-th after the last one, j - 1 steps being left out. After `jumps` jumps a
/// row reads `read` more steps and stops. Memory: steps read since the last jump, and jumps made.
///
/// Parameter: `jump` `[maximumJump + 1, hidden]`.
public final class JumpPolicy: StepPolicy {
    /// Nothing read, no jump made.
    public let initialMemory: [Float] = [0, 0]
    /// `jump`.
    public let submodules: [NamedModule]
    /// Where the policy stands in a model.
    public let label: Label? = Label()

    private let linear: Linear
    private let read: Int, jumps: Int
    private let rule: Rule

    /// A policy.
    ///
    /// - Parameters:
    ///   - hiddenSize: features of h.
    ///   - read: steps that are read before each jump, at least 1.
    ///   - maximumJump: the longest jump.
    ///   - jumps: the most jumps of a row.
    ///   - rule: how the scores become a decision; a sampling rule draws from their softmax.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        hiddenSize: Int, read: Int = 8, maximumJump: Int = 5, jumps: Int = 5,
        rule: Rule = .argmax, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "JumpPolicy"
        try checkOption(read, "read", in: 1...OptionLimits.length, layer: layer)
        try checkOption(maximumJump, "maximumJump", in: 1...OptionLimits.length, layer: layer)
        try checkOption(jumps, "jumps", in: 0...OptionLimits.length, layer: layer)
        linear = try Linear(
            inputFeatures: hiddenSize, outputFeatures: maximumJump + 1, seed: seed)
        submodules = [NamedModule("jump", linear)]
        self.read = read
        self.jumps = jumps
        self.rule = rule
    }

    /// Reads, jumps or stops.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        var actions = [StepAction](repeating: .update, count: turn.count)
        let full = turn.memory.indices.filter { turn.memory[$0][0] >= Float(read) }
        for place in full where turn.memory[place][1] >= Float(jumps) { actions[place] = .stop }
        let asked = full.filter { actions[$0] != .stop }
        if !asked.isEmpty {
            let chosen = try rule.actions(linear(turn.state(0, of: asked)))
            for (place, jump) in zip(asked, chosen) {
                turn.executed[place] += linear.inputFeatures * linear.outputFeatures
                turn.memory[place] = [0, turn.memory[place][1] + 1]
                if jump != 1 { actions[place] = jump == 0 ? .stop : .skip(count: jump - 1) }
            }
        }
        for place in turn.memory.indices where actions[place] == .update {
            turn.memory[place][0] += 1
        }
        return actions
    }
}

/// The places to which a reader may jump from each step of a text.
public struct TextStructure: Sendable {
    /// For each row and step, how many steps ahead the word after the next comma or similar sign is.
    public let separators: [[Int]]
    /// The same for the word after the next end of a sentence.
    public let sentences: [[Int]]

    /// Distances from each step, at least 1.
    public init(separators: [[Int]], sentences: [[Int]]) {
        self.separators = separators
        self.sentences = sentences
    }

    /// The distances in rows of words, given which words are separators and which end a sentence.
    /// Behind the last sign the distance leads to the row's end.
    public init(isSeparator: [[Bool]], endsSentence: [[Bool]]) {
        separators = isSeparator.map(Self.distances)
        sentences = endsSentence.map(Self.distances)
    }

    private static func distances(_ marks: [Bool]) -> [Int] {
        var next = marks.count
        var found = [Int](repeating: 1, count: marks.count)
        for step in marks.indices.reversed() {
            if marks[step] { next = step + 1 }
            found[step] = max(next - step, 1)
        }
        return found
    }
}

/// Two agents that skip words and jump along the structure of a text: Structural-Jump-LSTM of Hansen,
/// Hansen, Alstrup, Simonsen, Lioma, "Neural Speed Reading with Structural-Jump-LSTM", arXiv
/// 1904.00761.
///
/// Before a word, the first agent, `relu(state_1 [h, x, last actions])` and `logits_agent_1`, skips it
/// (0) or reads it (1). After a word was read, the second, `relu(state_2 h)` and `logits_agent_2`,
/// goes on to the next word (0), behind the next separator (1), behind the next end of a sentence
/// (2), or to the end (3). After a skipped word it always goes to the next. The actions that the first
/// agent sees are one-hot; before the first word they are "read" and "next word".
///
/// Parameters: `state_1` `[25, hidden + input + 6]`, `logits_agent_1` `[2, 25]`, `state_2` `[25,
/// hidden]`, `logits_agent_2` `[4, 25]`. Memory: the last actions, and whether the second agent is due.
public final class StructuralJumpPolicy: StepPolicy {
    /// Read, next word, nothing due.
    public let initialMemory: [Float] = [1, 0, 0]
    /// The layers of both agents.
    public let submodules: [NamedModule]
    /// Where the policy stands in a model.
    public let label: Label? = Label()

    private let state1: Linear, logits1: Linear, state2: Linear, logits2: Linear
    private let structure: TextStructure
    private let rule: Rule

    /// A policy for the texts of one batch; ``with(_:)`` gives the same agents for others.
    ///
    /// - Parameters:
    ///   - hiddenSize: features of h.
    ///   - inputSize: features of a word.
    ///   - stateSize: units of each agent.
    ///   - structure: of the batch's texts.
    ///   - rule: how the scores become a decision; a sampling rule draws from their softmax.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        hiddenSize: Int, inputSize: Int, stateSize: Int = 25, structure: TextStructure,
        rule: Rule = .argmax, seed: UInt64 = 0
    ) throws(ProteanError) {
        state1 = try Linear(
            inputFeatures: hiddenSize + inputSize + 6, outputFeatures: stateSize, seed: seed)
        logits1 = try Linear(inputFeatures: stateSize, outputFeatures: 2, seed: seed &+ 1)
        state2 = try Linear(inputFeatures: hiddenSize, outputFeatures: stateSize, seed: seed &+ 2)
        logits2 = try Linear(inputFeatures: stateSize, outputFeatures: 4, seed: seed &+ 3)
        self.structure = structure
        self.rule = rule
        submodules = Self.names(state1, logits1, state2, logits2)
    }

    private init(_ other: StructuralJumpPolicy, _ structure: TextStructure) {
        state1 = other.state1
        logits1 = other.logits1
        state2 = other.state2
        logits2 = other.logits2
        rule = other.rule
        submodules = other.submodules
        self.structure = structure
    }

    private static func names(
        _ state1: Linear, _ logits1: Linear, _ state2: Linear, _ logits2: Linear
    ) -> [NamedModule] {
        [
            NamedModule("state_1", state1), NamedModule("logits_agent_1", logits1),
            NamedModule("state_2", state2), NamedModule("logits_agent_2", logits2),
        ]
    }

    /// The same agents, sharing their parameters, for the texts of another batch.
    public func with(_ structure: TextStructure) -> StructuralJumpPolicy {
        StructuralJumpPolicy(self, structure)
    }

    /// The second agent where it is due, then the first.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        var actions = [StepAction?](repeating: nil, count: turn.count)
        try jump(&turn, &actions)
        let asked = actions.indices.filter { actions[$0] == nil }
        if !asked.isEmpty {
            let chosen = try firstAgent(&turn, asked)
            for (place, action) in zip(asked, chosen) {
                let isRead = action == 1
                actions[place] = isRead ? .update : .copy
                turn.memory[place] = [isRead ? 1 : 0, 0, isRead ? 1 : 0]
            }
        }
        return actions.map { $0 ?? .update }
    }

    private func firstAgent(
        _ turn: inout SequenceTurn, _ places: [Int]
    ) throws(ProteanError) -> [Int] {
        var last: [Float] = []
        for place in places {
            let memory = turn.memory[place]
            last += (0..<2).map { Float($0) == memory[0] ? 1 : 0 }
            last += (0..<4).map { Float($0) == memory[1] ? 1 : 0 }
        }
        let x = try turn.input(of: places), h = try turn.state(0, of: places)
        let joined = try Operations.concatenate(
            [h, x, Tensor(last, shape: [places.count, 6])], axis: 1)
        let hidden = try state1(joined, activation: .relu)
        for place in places { turn.executed[place] += Self.cost(state1, logits1) }
        return try rule.actions(logits1(hidden))
    }

    /// The step after a word that was read: the second agent may leave out words.
    private func jump(
        _ turn: inout SequenceTurn, _ actions: inout [StepAction?]
    ) throws(ProteanError) {
        let due = turn.memory.indices.filter { turn.memory[$0][2] == 1 }
        guard !due.isEmpty else { return }
        let hidden = try state2(turn.state(0, of: due), activation: .relu)
        let chosen = try rule.actions(logits2(hidden))
        for (place, action) in zip(due, chosen) {
            turn.executed[place] += Self.cost(state2, logits2)
            turn.memory[place] = [1, Float(action), 0]
            if action == 3 { actions[place] = .stop }
            guard action == 1 || action == 2 else { continue }
            // Distances count from the word that was read, one step before this one.
            let ahead = try distance(
                action == 1 ? structure.separators : structure.sentences, turn.rows[place],
                turn.steps[place] - 1)
            if ahead > 1 { actions[place] = .skip(count: ahead - 1) }
        }
    }

    private func distance(
        _ distances: [[Int]], _ row: Int, _ step: Int
    ) throws(ProteanError) -> Int {
        guard distances.indices.contains(row), distances[row].indices.contains(step) else {
            throw .invalidOption(
                layer: place, option: "structure", expected: "row \(row) with step \(step)",
                found: "\(distances.count) rows")
        }
        return distances[row][step]
    }

    private static func cost(_ first: Linear, _ second: Linear) -> Int {
        first.inputFeatures * first.outputFeatures + second.inputFeatures * second.outputFeatures
    }
}
