/// The names, shapes and formulas of a Skip RNN's parameters.
public enum SkipNames: String, Sendable, CaseIterable {
    /// PyTorch's cells: `weight_ih.{k}`, `weight_hh.{k}`, `bias_ih.{k}`, `bias_hh.{k}` for layer k,
    /// `weight_uh` `[1, hidden]`, `bias_uh` `[1]`; as in the PyTorch port of the authors' code.
    case torch
    /// The authors' TensorFlow cells, dots for slashes: `Weights` `[input + hidden, 4 · hidden]`,
    /// gates i, j, f, o, `Biases`, `state_update_prob.Weights` `[hidden, 1]`,
    /// `state_update_prob.Biases`; for a GRU `gates.Weights`, `candidate.Weights` and biases, the
    /// reset gate before the product; under `layer_{k}.`, k from 1, in a stack. Initial states are
    /// parameters (`initial_c.initial_state`, `initial_h.initial_state`, `[1, hidden]`). The forget
    /// gate has 1 added. In a stack of GRUs the candidates read the network's input, as theirs do.
    case tensorFlow

    func prefix(_ layer: Int, of layers: Int) -> String {
        layers > 1 ? "layer_\(layer + 1)." : ""
    }
}

/// When a Skip RNN reads: the binary state update gate of Campos et al.
///
/// After a step with gate value Δu, ũ grows by min(Δu, 1 - ũ) at each following step, and the first
/// step at which ũ rounds to 1 is read; ties round to even, so that ũ = 0.5 is not read. Until then
/// all is known, and the policy leaps there without reading. Memory: Δu, ũ, and whether Δu is still
/// to be computed from the state.
public struct SkipUpdatePolicy: StepPolicy {
    /// Δu 1 and ũ 0: the first step is read.
    public let initialMemory: [Float] = [1, 0, 0]
    private let gate: @Sendable () throws(ProteanError) -> Linear
    private let index: Int, size: Int

    /// - Parameters:
    ///   - index: the tensor of the state that the gate reads.
    ///   - size: its features.
    ///   - gate: the linear layer `[batch, size]` to `[batch, 1]`.
    init(
        index: Int, size: Int, gate: @escaping @Sendable () throws(ProteanError) -> Linear
    ) {
        self.index = index
        self.size = size
        self.gate = gate
    }

    /// Reads, or leaps to the next step that will be read.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        let fresh = turn.memory.indices.filter { turn.memory[$0][2] == 1 }
        if !fresh.isEmpty {
            let values = try gate()(turn.state(index, of: fresh), activation: .sigmoid).elements
            for (place, value) in zip(fresh, values) {
                turn.memory[place] = [value, 0, 0]
                turn.executed[place] += size
            }
        }
        var actions: [StepAction] = []
        for place in turn.memory.indices {
            let left = turn.lengths[place] - turn.steps[place]
            let leap = Self.leap(turn.memory[place][0], turn.memory[place][1], limit: left)
            turn.memory[place] = [turn.memory[place][0], leap.isRead ? 0 : leap.sum, 0]
            if leap.skipped > 0 {
                // ũ after the leap, so that the step that follows is read.
                turn.memory[place][1] = leap.sum
                actions.append(.skip(count: leap.skipped))
            } else {
                turn.memory[place][2] = 1
                actions.append(.update)
            }
        }
        return actions
    }

    /// How many of the next steps are not read, at most `limit`; ũ after them; and whether the step
    /// that follows is read.
    static func leap(
        _ delta: Float, _ start: Float, limit: Int
    ) -> (skipped: Int, sum: Float, isRead: Bool) {
        var sum = start
        for skipped in 0..<max(limit, 0) {
            let next = sum + min(delta, 1 - sum)
            // Rounds to 1 above a half, to 0 at a half; not a number is read.
            if !(next <= 0.5) { return (skipped, sum, true) }
            if next == sum { return (limit, sum, false) }
            sum = next
        }
        return (limit, sum, false)
    }
}

/// What ``SkipLSTM`` and ``SkipGRU`` share.
public protocol SkipNetwork: Module {
    /// The runner over the stack and its gate.
    var runner: SequenceRunner { get }
    /// The state before the first step.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    func initialState(batch: Int) throws(ProteanError) -> [Tensor]
}

extension SkipNetwork {
    /// Reads sequences, skipping the steps that the gate leaves out.
    ///
    /// - Parameters:
    ///   - input: where steps are read; see ``TensorSequence`` and ``TokenSequence``.
    ///   - lengths: steps of each row; nil for all.
    ///   - state: from a former run, the top layer first; nil for the start.
    ///   - memory: from the same run.
    ///   - keepsOutput: whether h of every step is returned.
    /// - Throws: ``ProteanError`` when something does not fit.
    public func run(
        _ input: any SequenceInput, lengths: [Int]? = nil, state: [Tensor]? = nil,
        memory: [[Float]]? = nil, keepsOutput: Bool = true
    ) throws(ProteanError) -> SequenceRunner.Result {
        var start = state ?? []
        if state == nil { start = try initialState(batch: input.batch) }
        return try runner.run(
            input, lengths: lengths, state: start, memory: memory, keepsOutput: keepsOutput)
    }

    /// Which steps of each row were read, as the reference's update gates: 1 or 0.
    public func updateGates(_ result: SequenceRunner.Result, time: Int) -> [[Int]] {
        result.decisions.map { row in
            var gates = [Int](repeating: 0, count: time)
            for decision in row where decision.action == .update { gates[decision.step] = 1 }
            return gates
        }
    }
}

/// An LSTM that skips steps: Skip LSTM of Campos, Jou, Giró-i-Nieto, Torres, Chang, "Skip RNN:
/// Learning to Skip State Updates in Recurrent Neural Networks", arXiv 1708.06834.
///
/// After a step that was read, `Δu = sigmoid(w · c + b)` of the top layer tells how soon the next
/// one is; see ``SkipUpdatePolicy``. Steps in between leave all layers' states as they are, and are
/// neither read nor computed. Parameters: see ``SkipNames``.
///
/// Cost per step that is read: the cells' 4 · hidden · (input + hidden) and `hidden` multiply-adds.
public final class SkipLSTM: SkipNetwork {
    /// The runner over the stack and its gate.
    public let runner: SequenceRunner
    /// Where the network stands in a model.
    public let label: Label? = Label()
    /// As ``SkipNames`` lists them.
    public let parameters: [NamedParameter]

    private let parts: SkipParts

    /// A network with seeded initial values; the update gate's bias is 1, as in the reference.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - sizes: units of each layer, from the bottom; with ``SkipNames/torch`` all equal.
    ///   - names: names and formulas of the parameters.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, sizes: [Int], names: SkipNames = .torch, seed: UInt64 = 0
    ) throws(ProteanError) {
        try SkipParts.check(inputSize, sizes, names, layer: "SkipLSTM")
        let stack = try SkipLSTMStack(
            inputSize: inputSize, sizes: sizes, names: names, seed: seed, layer: "SkipLSTM")
        parts = try SkipParts(
            stack, names, layers: sizes.count, kinds: ["h", "c"], seed: seed, layer: "SkipLSTM")
        parameters = parts.parameters
        runner = parts.runner
    }

    /// Zeros, or the learned initial states of TensorFlow's cells.
    public func initialState(batch: Int) throws(ProteanError) -> [Tensor] {
        try parts.initialState(batch)
    }
}

/// A network of gated recurrent units that skips steps: Skip GRU of Campos et al., arXiv 1708.06834.
///
/// As ``SkipLSTM``; the gate reads h of the top layer. Parameters: see ``SkipNames``. Cost per step
/// that is read: the cells' 3 · hidden · (input + hidden) and `hidden` multiply-adds.
public final class SkipGRU: SkipNetwork {
    /// The runner over the stack and its gate.
    public let runner: SequenceRunner
    /// Where the network stands in a model.
    public let label: Label? = Label()
    /// As ``SkipNames`` lists them.
    public let parameters: [NamedParameter]

    private let parts: SkipParts

    /// A network with seeded initial values; the update gate's bias is 1, as in the reference.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - sizes: units of each layer, from the bottom; with ``SkipNames/torch`` all equal.
    ///   - names: names and formulas of the parameters.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, sizes: [Int], names: SkipNames = .torch, seed: UInt64 = 0
    ) throws(ProteanError) {
        try SkipParts.check(inputSize, sizes, names, layer: "SkipGRU")
        let stack = try SkipGRUStack(
            inputSize: inputSize, sizes: sizes, names: names, seed: seed, layer: "SkipGRU")
        parts = try SkipParts(
            stack, names, layers: sizes.count, kinds: ["h"], seed: seed, layer: "SkipGRU")
        parameters = parts.parameters
        runner = parts.runner
    }

    /// Zeros, or the learned initial states of TensorFlow's cells.
    public func initialState(batch: Int) throws(ProteanError) -> [Tensor] {
        try parts.initialState(batch)
    }
}
