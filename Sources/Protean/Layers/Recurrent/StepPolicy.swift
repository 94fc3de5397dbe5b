/// What a row of a sequence does at its step.
public enum StepAction: Sendable, Hashable {
    /// Reads the step with a cell, cell 0 being the ordinary one, and goes on to the next step.
    case run(cell: Int)
    /// Keeps the state and goes on to the next step.
    case copy
    /// Leaves out this step and the following ones, `count` in all, without reading them; the state
    /// stays. A jump to the n-th step from here is `skip(n)`.
    case skip(count: Int)
    /// Reads no further.
    case stop

    /// Reads the step with cell 0.
    public static let update = StepAction.run(cell: 0)
}

/// Decides at each step of a row whether it is read, by which cell, left out, or the last one.
///
/// A policy is a value without state of its own: what it remembers of a row is in the row's memory,
/// a few numbers that the runner keeps. A row's decisions depend on that row alone.
public protocol StepPolicy: Module {
    /// The memory of a row before its first step.
    var initialMemory: [Float] { get }
    /// The actions of the turn's rows, one each.
    ///
    /// - Throws: ``ProteanError`` when the rows do not fit the policy.
    func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction]
}

/// One turn of a ``SequenceRunner``: the rows that have a step left, each at its own step.
public struct SequenceTurn {
    /// The rows of the batch, ascending.
    public let rows: [Int]
    /// The step that each row has reached.
    public let steps: [Int]
    /// The length of each row; greater than its step.
    public let lengths: [Int]
    /// What each row's policy remembers; a policy changes it as it decides.
    public var memory: [[Float]]
    /// Multiply-adds that deciding took, for each row; a policy adds its own.
    public var executed: [Int]

    private let state: [Tensor]
    private let plan: RowPlan
    private let source: any SequenceInput
    /// Which of the turn's rows have been read, and their inputs.
    private(set) var reads: [Int: Tensor] = [:]

    init(
        _ plan: RowPlan, steps: [Int], lengths: [Int], memory: [[Float]], state: [Tensor],
        source: any SequenceInput
    ) {
        rows = plan.rows
        self.plan = plan
        self.steps = steps
        self.lengths = lengths
        self.memory = memory
        self.state = state
        self.source = source
        executed = [Int](repeating: 0, count: plan.count)
    }

    /// Number of rows.
    public var count: Int { rows.count }

    /// A tensor of the state, for some of the turn's rows.
    ///
    /// - Parameters:
    ///   - index: of the tensor in ``RecurrentCell/stateSizes``.
    ///   - places: which of the turn's rows, ascending; nil for all.
    /// - Throws: ``ProteanError`` when there is no such tensor or row.
    public func state(_ index: Int, of places: [Int]? = nil) throws(ProteanError) -> Tensor {
        guard state.indices.contains(index) else {
            throw .invalidOption(
                layer: "SequenceTurn", option: "state", expected: "0..<\(state.count)",
                found: "\(index)")
        }
        guard let places else { return try Operations.gatherRows(state[index], plan) }
        let inner = try RowPlan(rows: places, batch: count)
        return try Operations.gatherRows(state[index], plan.narrowed(to: inner))
    }

    /// The inputs at the steps of some of the turn's rows: these rows read.
    ///
    /// - Parameter places: which of the turn's rows; nil for all.
    /// - Throws: ``ProteanError`` when an input cannot be made.
    public mutating func input(of places: [Int]? = nil) throws(ProteanError) -> Tensor {
        let places = places ?? Array(rows.indices)
        let new = places.filter { reads[$0] == nil }
        if !new.isEmpty || places.isEmpty {
            let made = try source.read(
                new.map { SequencePlace(row: rows[$0], step: steps[$0]) })
            for (index, place) in new.enumerated() {
                reads[place] = try made.rows(index..<index + 1)
                executed[place] += source.multiplyAddsPerRead
            }
            if new.count == places.count { return made }
        }
        var parts: [Tensor] = []
        for place in places {
            if let part = reads[place] { parts.append(part) }
        }
        return try Operations.concatenate(parts, axis: 0)
    }
}

/// Reads every step with cell 0.
public struct ReadEverything: StepPolicy {
    /// Nothing is remembered.
    public let initialMemory: [Float] = []

    /// The policy.
    public init() {}

    /// ``StepAction/update`` for every row.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        [StepAction](repeating: .update, count: turn.count)
    }
}

/// Actions given beforehand: for tests, replays and forced budgets.
public struct GivenActions: StepPolicy {
    /// Nothing is remembered.
    public let initialMemory: [Float] = []
    private let actions: [[Int: StepAction]]

    /// For each row the action at a step; steps without one are read.
    public init(_ actions: [[Int: StepAction]]) { self.actions = actions }

    /// The actions of a former run.
    public init(_ decisions: [[StepDecision]]) {
        actions = decisions.map { row in
            Dictionary(row.map { ($0.step, $0.action) }, uniquingKeysWith: { $1 })
        }
    }

    /// The given actions.
    public func decide(_ turn: inout SequenceTurn) throws(ProteanError) -> [StepAction] {
        var chosen: [StepAction] = []
        for (index, row) in turn.rows.enumerated() {
            guard actions.indices.contains(row) else {
                throw .invalidOption(
                    layer: "GivenActions", option: "actions", expected: "at least \(row + 1) rows",
                    found: "\(actions.count)")
            }
            chosen.append(actions[row][turn.steps[index]] ?? .update)
        }
        return chosen
    }
}

/// What a row did at a step.
public struct StepDecision: Sendable, Hashable {
    /// The step, from 0.
    public let step: Int
    /// The action.
    public let action: StepAction
}
