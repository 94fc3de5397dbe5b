/// Runs recurrent cells over a batch of sequences of which each row chooses what it reads.
///
/// Every row has a step of its own. Each turn, the policy gives every row that has a step left an
/// action (``StepAction``); rows that read with the same cell are gathered, the cell runs for them
/// alone, and their states are put back. What a row skips is neither read nor computed. A row gets
/// the bits that it would get alone.
///
/// ```swift
/// let runner = SequenceRunner(cells: [cell], policy: ReadEverything())
/// let result = try runner.run(TensorSequence(x), lengths: [5, 3])
/// ```
public final class SequenceRunner: Module {
    /// What a run returns.
    public struct Result: Sendable {
        /// h at every step, `[batch, time, size]`: of a step that was left out the h before it, of
        /// steps beyond a row's length zeros. nil if not asked for.
        public let output: Tensor?
        /// The state after each row's last step, in the order of ``RecurrentCell/stateSizes``.
        public let state: [Tensor]
        /// What the policy remembers of each row; with the state, the start of a further run.
        public let memory: [[Float]]
        /// What each row did, in order.
        public let decisions: [[StepDecision]]
        /// Steps that each row read.
        public let reads: [Int]
        /// Steps at which each row ran a cell.
        public let updates: [Int]
        /// Multiply-adds that were executed for each row: cells, policy and inputs.
        public let executed: [Int]
    }

    /// The cells, which share the sizes of their state.
    public let cells: [any RecurrentCell]
    /// Who decides.
    public let policy: any StepPolicy
    /// Where the runner stands in a model.
    public let label: Label? = Label()

    private let names: [String]

    /// A runner.
    ///
    /// - Parameters:
    ///   - cells: at least one; ``StepAction/run(cell:)`` counts them from 0.
    ///   - policy: who decides.
    ///   - names: of the cells and the policy among the parts; nil if another module owns them.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is no cell, or
    ///   states differ in their sizes.
    public init(
        cells: [any RecurrentCell], policy: any StepPolicy, names: [String]? = nil
    ) throws(ProteanError) {
        guard let first = cells.first else {
            throw .invalidOption(
                layer: "SequenceRunner", option: "cells", expected: "at least 1", found: "0")
        }
        for cell in cells where cell.stateSizes != first.stateSizes {
            throw .invalidOption(
                layer: "SequenceRunner", option: "cells",
                expected: "states of sizes \(first.stateSizes)", found: "\(cell.stateSizes)")
        }
        if let names, names.count != cells.count + 1 {
            throw .invalidOption(
                layer: "SequenceRunner", option: "names", expected: "\(cells.count + 1)",
                found: "\(names.count)")
        }
        self.cells = cells
        self.policy = policy
        self.names = names ?? []
    }

    /// The cells and the policy under the given names.
    public var submodules: [NamedModule] {
        zip(names, cells as [any Module] + [policy]).map { NamedModule($0, $1) }
    }

    /// Reads the sequences.
    ///
    /// - Parameters:
    ///   - input: where steps are read.
    ///   - lengths: steps of each row, 0...time; nil for all.
    ///   - state: before the first step, `[batch, size]` each; nil for zeros.
    ///   - memory: of the policy before the first step, from a former run; nil for its own start.
    ///   - keepsOutput: whether h of every step is returned.
    /// - Throws: ``ProteanError`` when something does not fit, or the policy gives an action that does
    ///   not exist.
    public func run(
        _ input: any SequenceInput, lengths: [Int]? = nil, state: [Tensor]? = nil,
        memory: [[Float]]? = nil, keepsOutput: Bool = true
    ) throws(ProteanError) -> Result {
        let batch = input.batch
        try RecurrentOptions.check(lengths, batch: batch, time: input.time, layer: place)
        if let state { try cells[0].checkState(state, batch: batch) }
        if let memory, memory.count != batch {
            throw .invalidOption(
                layer: place, option: "memory", expected: "\(batch) rows", found: "\(memory.count)")
        }
        var start = state ?? []
        if state == nil { start = try cells[0].zeroState(batch: batch) }
        var run = SequenceRun(
            runner: self, input: input,
            lengths: lengths ?? [Int](repeating: input.time, count: batch), state: start,
            memory: memory ?? [[Float]](repeating: policy.initialMemory, count: batch))
        if keepsOutput {
            run.output = try Tensor(zeros: [batch, input.time, cells[0].outputSize])
        }
        while try run.turn() {}
        return Result(
            output: run.output, state: run.state, memory: run.memory, decisions: run.decisions,
            reads: run.reads, updates: run.updates, executed: run.executed)
    }
}

/// The state of a run.
private struct SequenceRun {
    let runner: SequenceRunner
    let input: any SequenceInput
    let lengths: [Int]
    var state: [Tensor]
    var memory: [[Float]]
    var output: Tensor?
    var steps: [Int]
    var isDone: [Bool]
    var decisions: [[StepDecision]]
    var reads: [Int], updates: [Int], executed: [Int]

    init(
        runner: SequenceRunner, input: any SequenceInput, lengths: [Int], state: [Tensor],
        memory: [[Float]]
    ) {
        self.runner = runner
        self.input = input
        self.lengths = lengths
        self.state = state
        self.memory = memory
        let none = [Int](repeating: 0, count: lengths.count)
        steps = none
        isDone = lengths.map { $0 == 0 }
        decisions = [[StepDecision]](repeating: [], count: lengths.count)
        (reads, updates, executed) = (none, none, none)
    }

    /// One turn; false when no row has a step left.
    mutating func turn() throws(ProteanError) -> Bool {
        let plan = RowPlan(where: isDone.map { !$0 })
        guard !plan.isEmpty else { return false }
        var turn = SequenceTurn(
            plan, steps: plan.rows.map { steps[$0] }, lengths: plan.rows.map { lengths[$0] },
            memory: plan.rows.map { memory[$0] }, state: state, source: input)
        let actions = try runner.policy.decide(&turn)
        try check(actions, turn)
        note(actions, plan)
        for cell in runner.cells.indices { try run(cell, actions, &turn) }
        for (index, row) in turn.rows.enumerated() {
            memory[row] = turn.memory[index]
            executed[row] += turn.executed[index]
            if turn.reads[index] != nil { reads[row] += 1 }
            decisions[row].append(StepDecision(step: steps[row], action: actions[index]))
        }
        try move(actions, turn)
        return true
    }

    private func check(_ actions: [StepAction], _ turn: SequenceTurn) throws(ProteanError) {
        let cells = runner.cells.count
        let isValid = actions.allSatisfy {
            switch $0 {
            case .run(let cell): (0..<cells).contains(cell)
            case .skip(let count): count >= 1
            case .copy, .stop: true
            }
        }
        guard isValid, actions.count == turn.count, turn.memory.count == turn.count,
            turn.executed.count == turn.count
        else {
            throw .invalidOption(
                layer: runner.place, option: "actions",
                expected: "\(turn.count), cells of 0..<\(cells), skips of at least 1",
                found: "\(actions)")
        }
    }

    /// Records the decision: actions 0 ..< cells run a cell, then copy, skip, stop.
    private func note(_ actions: [StepAction], _ plan: RowPlan) {
        let cells = runner.cells.count
        let picks = actions.map { action -> [Choice.Pick] in
            switch action {
            case .run(let cell): [.init(action: cell)]
            case .copy: [.init(action: cells)]
            case .skip: [.init(action: cells + 1)]
            case .stop: [.init(action: cells + 2)]
            }
        }
        let scores = [Float](repeating: 0, count: picks.count)
        DecisionTrace.note(
            site: runner.place, rows: plan,
            Choice(trusted: picks, actions: cells + 3, scores: scores))
    }

    /// Runs a cell for the rows that chose it.
    private mutating func run(
        _ cell: Int, _ actions: [StepAction], _ turn: inout SequenceTurn
    ) throws(ProteanError) {
        let places = actions.indices.filter { actions[$0] == .run(cell: cell) }
        guard !places.isEmpty else { return }
        let plan = RowPlan(trusted: places.map { turn.rows[$0] }, batch: lengths.count)
        let x = try turn.input(of: places)
        var compact: [Tensor] = []
        for tensor in state { compact.append(try Operations.gatherRows(tensor, plan)) }
        var counts = [Int](repeating: 0, count: places.count)
        let part = runner.cells[cell]
        let next = try RowScope.with(plan) { () throws(ProteanError) in
            try part.step(x, compact, executed: &counts)
        }
        try part.checkState(next, batch: places.count)
        for (index, tensor) in next.enumerated() {
            if plan.isComplete {
                state[index] = tensor
            } else {
                try Operations.scatterRows(tensor, plan, into: &state[index])
            }
        }
        for (index, row) in plan.rows.enumerated() {
            executed[row] += counts[index]
            updates[row] += 1
        }
    }

    /// Moves every row on, and writes h of the steps that it passes.
    private mutating func move(
        _ actions: [StepAction], _ turn: SequenceTurn
    ) throws(ProteanError) {
        var passed: [(row: Int, steps: Range<Int>)] = []
        for (index, row) in turn.rows.enumerated() {
            let from = steps[row], length = lengths[row]
            switch actions[index] {
            case .run, .copy: steps[row] = from + 1
            case .skip(let count): steps[row] = count >= length - from ? length : from + count
            case .stop: steps[row] = length
            }
            isDone[row] = steps[row] == length
            passed.append((row, from..<steps[row]))
        }
        guard output != nil else { return }
        let size = runner.cells[0].outputSize, time = input.time
        try state[0].withUnsafeBufferPointer { source throws(ProteanError) in
            try output?.withUnsafeMutableBufferPointer { target throws(ProteanError) in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for (row, steps) in passed {
                    for step in steps {
                        (to + (row * time + step) * size).update(
                            from: from + row * size, count: size)
                    }
                }
            }
        }
    }
}
