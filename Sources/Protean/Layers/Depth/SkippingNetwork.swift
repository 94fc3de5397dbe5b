/// A residual network whose blocks are computed for some rows of a batch only.
///
/// The network gives its blocks, what lies before and behind them, and who decides; the call, the
/// record of what ran, and its cost follow. Decisions come from ``DecisionSource``: the network's own
/// gates, a table, all on (`.everywhere([SkipBlock.run])`) or all off.
///
/// ```swift
/// let result = try network.skipping(x)
/// print(result.blocks, result.computationPercentage)    // blocks per row; in per cent
/// let y = try DecisionSource.with(.everywhere([SkipBlock.run])) {
///     () throws(ProteanError) in try network(x)
/// }
/// ```
public protocol SkippingNetwork: Layer {
    /// What gates carry from block to block within one call.
    associatedtype Deciding: Sendable

    /// The blocks in order.
    var blocks: [SkipBlock] { get }
    /// Number of blocks at the beginning that run for every row and are not decided.
    var fixedBlocks: Int { get }

    /// Whether the first decision of a call makes all of them: a policy network.
    var decidesAhead: Bool { get }

    /// What precedes the blocks.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func stem(_ x: Tensor) throws(ProteanError) -> Tensor

    /// What follows the blocks.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func head(_ x: Tensor) throws(ProteanError) -> Tensor

    /// The state of the gates before the first block of a call on `x`; computes nothing that a call
    /// under given decisions would not need.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func deciding(for x: Tensor) throws(ProteanError) -> Deciding

    /// The decision on the block `index` by the network's own gates.
    ///
    /// - Parameters:
    ///   - index: of the block, at least ``fixedBlocks``.
    ///   - x: the block's input. With a shape only the gate's cost is traced and the result is not
    ///     used.
    ///   - state: of the gates.
    /// - Returns: two actions, ``SkipBlock/pass`` and ``SkipBlock/run``; nil for a tensor with a
    ///   shape only.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    func choice(
        forBlock index: Int, _ x: Tensor, state: inout Deciding
    ) throws(ProteanError) -> Choice?
}

extension SkippingNetwork {
    /// None.
    public var fixedBlocks: Int { 0 }
    /// Every block is decided when it is reached.
    public var decidesAhead: Bool { false }

    /// The network's result. A tensor with a shape only takes the path on which every block runs.
    ///
    /// - Throws: ``ProteanError`` when `x` or a given decision does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try walk(x) { _, _, _ in }
    }

    /// The result with all decisions and what every row executed.
    ///
    /// - Throws: ``ProteanError`` when `x` or a given decision does not fit, or carries no values.
    public func skipping(_ x: Tensor) throws(ProteanError) -> SkipResult {
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        var taken: [(block: Int, choice: Choice, gated: Bool)] = []
        let logits = try walk(x) { taken.append(($0, $1, $2)) }
        let costs = try skipCosts(for: x.shape)
        return SkipResult(
            logits: logits, sites: taken.map { blocks[$0.block].place },
            choices: taken.map(\.choice), fixedBlocks: fixedBlocks,
            executed: costs.executed(taken, rows: x.shape[0]), full: costs.full)
    }

    /// Runs the network and reports each decision, and whether the network's own gate took it.
    private func walk(
        _ x: Tensor, _ decided: (Int, Choice, Bool) -> Void
    ) throws(ProteanError) -> Tensor {
        var state = try deciding(for: x)
        var y = try stem(x)
        for (index, block) in blocks.enumerated() {
            if index < fixedBlocks {
                try block.apply(to: &y, running: RowPlan(all: y.shape[0]))
                continue
            }
            if y.isShapeOnly { _ = try choice(forBlock: index, y, state: &state) }
            var gated = false
            let taken = try block.update(&y) { x throws(ProteanError) in
                gated = true
                guard let choice = try choice(forBlock: index, x, state: &state) else {
                    throw .noValues(layer: block.place)
                }
                return choice
            }
            if let taken { decided(index, taken, gated) }
        }
        return try head(y)
    }
}

extension SkippingNetwork {
    /// Multiply-adds of the network's parts for one row of an input of this shape. Computes no
    /// values.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func skipCosts(for input: [Int]) throws(ProteanError) -> SkipCosts {
        let x = try Tensor(shapeOnly: [1] + input.dropFirst())
        func measured<R>(
            _ body: () throws(ProteanError) -> R
        ) throws(ProteanError) -> (R, Int) {
            let trace = Trace()
            let result = try trace.recording { () throws(ProteanError) in try body() }
            return (result, trace.totalCost.multiplyAdds)
        }
        var state = try deciding(for: x)
        var (y, always) = try measured { () throws(ProteanError) in try stem(x) }
        var skippable: [Int] = [], gates: [Int] = []
        for (index, block) in blocks.enumerated() {
            let gate =
                index < fixedBlocks
                ? 0
                : try measured { () throws(ProteanError) in
                    try choice(forBlock: index, y, state: &state)
                }.1
            let saved = try block.skippableMultiplyAdds(for: y.shape)
            let whole = try measured { () throws(ProteanError) in
                try block.apply(to: &y, running: RowPlan(all: 1))
            }.1
            gates.append(gate)
            skippable.append(index < fixedBlocks ? 0 : saved)
            always += whole - (index < fixedBlocks ? 0 : saved)
        }
        always += try measured { () throws(ProteanError) in try head(y) }.1
        let policy = decidesAhead ? gates.reduce(0, +) : 0
        if decidesAhead { gates = gates.map { _ in 0 } }
        return SkipCosts(policy: policy, always: always, blocks: skippable, gates: gates)
    }
}
