/// A residual block that is computed for some rows of a batch only; the others pass it.
///
/// For a row that runs `y = act(F(x) + S(x))`, for one that passes `y = pass(S(x))`, where F is the
/// block's convolutions, S its shortcut (the identity, or a layer where size or channels change) and
/// `pass` an activation that the reference applies to passing rows, usually none. The shortcut has
/// work of its own and is computed for every row, as in SkipNet (Wang et al., arXiv 1711.09485),
/// BlockDrop (Wu et al., arXiv 1711.08393) and ConvNet-AIG (Veit, Belongie, arXiv 1711.11503).
///
/// Action 1 is *run*, action 0 is *pass*. The decision is asked of ``DecisionSource`` under the
/// block's path, so that gates, policies, tables and budgets drive the same block. A row's result has
/// the bits of the row alone. With all rows running the block is the static residual block, bit for
/// bit and at its speed.
///
/// Input `[batch, height, width, channels]`. Cost: the shortcut for every row, the convolutions for
/// the rows that run; a trace reports what the others left out as multiply-adds that were not
/// executed.
public final class SkipBlock: Layer {
    /// The action of a row that the block computes.
    public static let run = 1
    /// The action of a row that passes.
    public static let pass = 0

    /// Where the block stands in a model; the site of its decisions.
    public let label: Label? = Label()
    /// The block's parts under their names, in the reference's order.
    public let submodules: [NamedModule]
    /// The activation of passing rows after their shortcut.
    public let passActivation: Activation

    private let steps: [FusedConv2d]
    private let shortcut: (any Layer)?

    /// A block of convolutions.
    ///
    /// - Parameters:
    ///   - parts: the modules with parameters, under their names in the block.
    ///   - steps: the convolutions in order; the last one has the activation that follows the sum.
    ///   - shortcut: applied to the input of all rows; nil is the identity. It may be a module of
    ///     another part of the network; else list it in `parts` too.
    ///   - passActivation: of passing rows, after the shortcut.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is no step.
    public init(
        parts: [NamedModule], steps: [FusedConv2d], shortcut: (any Layer)? = nil,
        passActivation: Activation = .identity
    ) throws(ProteanError) {
        guard !steps.isEmpty else {
            throw .invalidOption(
                layer: "SkipBlock", option: "steps", expected: "at least one convolution",
                found: "none")
        }
        submodules = parts
        self.steps = steps
        self.shortcut = shortcut
        self.passActivation = passActivation
    }

    /// The static block, unless the active ``DecisionSource`` says otherwise.
    ///
    /// - Throws: ``ProteanError`` when `x` or a given decision does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        try update(&y) { x throws(ProteanError) in
            try Choice([Int](repeating: Self.run, count: x.shape[0]), actions: 2)
        }
        return y
    }

    /// Decides and replaces `x` by the block's result. Rows that pass a block without a shortcut are
    /// neither read nor written if `x` is not shared.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`. A tensor with a shape only takes the full path; no
    ///     decision is asked for.
    ///   - gate: makes the decision, of two actions, from `x` where the active ``DecisionSource``
    ///     has none.
    /// - Returns: the decision, or nil for a tensor with a shape only.
    /// - Throws: ``ProteanError`` when `x` or the decision does not fit, and what `gate` throws.
    @discardableResult
    public func update(
        _ x: inout Tensor, gate: (Tensor) throws(ProteanError) -> Choice
    ) throws(ProteanError) -> Choice? {
        try Operations.checkMap(x, layer: place)
        guard !x.isShapeOnly else {
            try apply(to: &x, running: RowPlan(all: x.shape[0]))
            return nil
        }
        let choice = try decision(for: x, gate)
        try apply(to: &x, running: choice.rows(choosing: Self.run))
        return choice
    }

    /// The decision; apart from ``update(_:gate:)`` so that nothing shares `x` when it is written.
    private func decision(
        for x: Tensor, _ gate: (Tensor) throws(ProteanError) -> Choice
    ) throws(ProteanError) -> Choice {
        try DecisionSource.decide(site: place, batch: x.shape[0], actions: 2) {
            () throws(ProteanError) in try gate(x)
        }
    }

    /// Replaces `x` by the block's result with the rows of `running` computed and the others passing.
    ///
    /// - Throws: ``ProteanError`` when `x` or the plan does not fit.
    public func apply(to x: inout Tensor, running: RowPlan) throws(ProteanError) {
        try Operations.checkMap(x, layer: place)
        try running.check(batch: x.shape[0], layer: place)
        let shape = x.shape
        if Trace.current != nil {
            try Trace.noteSkipped(running.inverted, by: self, input: shape) {
                () throws(ProteanError) in try skippableMultiplyAdds(for: shape)
            }
        }
        if let shortcut {
            var side = try shortcut(x)
            try finish(try interior(x, running), running, &side)
            x = side
        } else {
            try finish(try interior(x, running), running, &x)
        }
    }

    /// All steps but the last one, on the rows that run, which the first step reads where they lie;
    /// nil if no row runs.
    private func interior(_ x: Tensor, _ running: RowPlan) throws(ProteanError) -> Tensor? {
        if running.isEmpty { return nil }
        return try RowScope.with(running) { () throws(ProteanError) in
            guard steps.count > 1 else {
                return try Operations.gatherRows(x, running, layer: place)
            }
            var y = running.isComplete ? try steps[0](x) : try steps[0](x, rows: running)
            for step in steps.dropFirst().dropLast() { y = try step(y) }
            return y
        }
    }

    /// The last step, added to the shortcuts of the rows that run: in place, so that rows that pass
    /// are neither read nor written, unless an activation of these rows follows.
    private func finish(
        _ inner: Tensor?, _ running: RowPlan, _ side: inout Tensor
    ) throws(ProteanError) {
        guard let inner else {
            if passActivation != .identity {
                side = try Operations.activate(side, passActivation)
            }
            return
        }
        let last = steps[steps.count - 1]
        if running.isComplete {
            side = try last(inner, residual: side)
        } else if passActivation == .identity, addsInPlace {
            try RowScope.with(running) { () throws(ProteanError) in
                try last(inner, inputRows: nil, outputRows: running, into: &side, adding: true)
            }
        } else {
            let residual = try Operations.gatherRows(side, running, layer: place)
            let result = try RowScope.with(running) { () throws(ProteanError) in
                try last(inner, residual: residual)
            }
            side = try Operations.activate(side, passActivation)
            try Operations.scatterRows(result, running, into: &side, layer: place)
        }
    }

    /// Whether the last step's kernel can add what its result holds.
    private var addsInPlace: Bool {
        [.identity, .relu, .relu6].contains(steps[steps.count - 1].activation)
    }

    /// act(F(x) + residual).
    private func body(_ x: Tensor, residual: Tensor?) throws(ProteanError) -> Tensor {
        var y = x
        for step in steps.dropLast() { y = try step(y) }
        return try steps[steps.count - 1](y, residual: residual)
    }
}

extension SkipBlock {
    /// Multiply-adds of the convolutions, without the shortcut, for one row of an input of this shape:
    /// what a passing row saves. Computes no values.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func skippableMultiplyAdds(for input: [Int]) throws(ProteanError) -> Int {
        let trace = Trace()
        let x = try Tensor(shapeOnly: [1] + input.dropFirst())
        _ = try trace.recording { () throws(ProteanError) in try body(x, residual: nil) }
        return trace.totalCost.multiplyAdds
    }
}
