/// Branches of which each sample runs some: a stem, a gate on the stem's features, and a
/// combination of the chosen branches' results.
///
/// ```
/// h = stem(x),  chosen = rule(gate(h)),  y = head(combine(branch_i(h) for i in chosen))
/// ```
/// Mullapudi, Mark, Shazeer, Fatahalian, "HydraNets: Specialized Dynamic Architectures for
/// Efficient Inference", CVPR 2018. A branch that no sample chose is not called, and a sample's
/// result does not depend on its batch, to the bit. Input: what the stem takes, first axis the
/// batch. Parts: `stem`, `gate`, `branches.0` …, `head`, unless other names are given. Cost: stem,
/// gate and head on all samples, each branch on those that chose it. Given a shape only, every
/// branch is walked.
public final class BranchRouting: Layer, ConditionalLayer {
    /// How the results of a sample's branches become one.
    public enum Combination: String, Sendable, CaseIterable {
        /// Σ weight · result; 0 if no branch was chosen.
        case sum
        /// Σ result / number of chosen branches; 0 if there are none.
        case mean
        /// All branches' results along the last axis, in order of the branches, with zeros for
        /// those that were not chosen.
        case concatenation
    }

    /// The decision of one call.
    public struct Routing: Sendable {
        /// For each sample its branches and their weights.
        public let choice: Choice
        /// Multiply-adds executed for each sample, stem, gate and head included.
        public let executed: [Int]
    }

    /// The parts under their names.
    public let submodules: [NamedModule]
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// How branches are chosen.
    public let rule: Rule
    /// How results are joined.
    public let combination: Combination

    private let stem, head: (any Layer)?
    private let gate: any DecisionGate
    private let branches: [any Layer]
    private let plans = Derived<[Int], Plan>(capacity: 4)

    /// Shapes and costs for one sample.
    private struct Plan: Sendable {
        /// The shape of each branch's result.
        var shapes: [[Int]] = []
        var costs: [Int] = []
        /// Stem, gate and head.
        var always = 0
        var output: [Int] = []
    }

    /// - Parameters:
    ///   - stem: shared by all branches; nil: x itself.
    ///   - gate: one score per branch, from the stem's result.
    ///   - branches: one or more, each on the stem's result. Results agree in shape, for a
    ///     concatenation but for the last axis.
    ///   - rule: how scores become branches, such as `.top(2)` or `.nonzero`.
    ///   - combination: how results are joined.
    ///   - head: applied to the joined result; nil for none.
    ///   - names: of the parts; by default as above.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        stem: (any Layer)? = nil, gate: any DecisionGate, branches: [any Layer], rule: Rule,
        combination: Combination, head: (any Layer)? = nil, names: [NamedModule]? = nil
    ) throws(ProteanError) {
        try checkOption(
            branches.count, "branches", in: 1...OptionLimits.experts, layer: "BranchRouting")
        try rule.check(actions: branches.count, layer: "BranchRouting")
        self.stem = stem
        self.gate = gate
        self.branches = branches
        self.rule = rule
        self.combination = combination
        self.head = head
        submodules =
            names
            ?? ((stem.map { [NamedModule("stem", $0)] } ?? [])
                + [NamedModule("gate", gate)]
                + branches.enumerated().map { NamedModule("branches.\($0.offset)", $0.element) }
                + (head.map { [NamedModule("head", $0)] } ?? []))
    }

    /// As above, with a layer as gate, whose result is `[rows, branches]`; its parameters lie below
    /// `gate`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public convenience init(
        stem: (any Layer)? = nil, gate: any Layer, branches: [any Layer], rule: Rule,
        combination: Combination, head: (any Layer)? = nil
    ) throws(ProteanError) {
        let scores = LayerDecisionGate(gate)
        try self.init(
            stem: stem, gate: scores, branches: branches, rule: rule, combination: combination,
            head: head,
            names: (stem.map { [NamedModule("stem", $0)] } ?? []) + scores.submodules
                + branches.enumerated().map { NamedModule("branches.\($0.offset)", $0.element) }
                + (head.map { [NamedModule("head", $0)] } ?? []))
    }

    /// The joined results.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or results differ in shape.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try run(x).output }

    /// The joined results, and which branches gave them.
    ///
    /// - Throws: as ``callAsFunction(_:)``; ``ProteanError/noValues(layer:)`` for a shape only.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: Routing) {
        let (output, choice) = try run(x)
        guard let choice else { throw .noValues(layer: place) }
        let plan = try plan(for: x.shape)
        let executed = choice.picks.map { picks in
            picks.reduce(plan.always) { $0 + plan.costs[$1.action] }
        }
        return (output, Routing(choice: choice, executed: executed))
    }

    private func run(_ x: Tensor) throws(ProteanError) -> (output: Tensor, choice: Choice?) {
        let plan = try plan(for: x.shape)
        let h = try stem?.applied(to: x, as: "stem") ?? x
        let batch = h.shape.first ?? 0
        if h.isShapeOnly {
            _ = try gate.scores(h)
            for (index, branch) in branches.enumerated() {
                _ = try branch.applied(to: h, as: "branches.\(index)")
            }
            let joined = try Tensor(shapeOnly: [batch] + plan.output.dropFirst())
            return (try head?.applied(to: joined, as: "head") ?? joined, nil)
        }
        let choice = try DecisionSource.decide(
            site: place, batch: batch, actions: branches.count
        ) { () throws(ProteanError) in try rule.choose(try gate.scores(h), layer: place) }
        let joined = try joined(h, choice, plan)
        return (try head?.applied(to: joined, as: "head") ?? joined, choice)
    }

    /// The results of the chosen branches, joined in order of the branches.
    private func joined(
        _ h: Tensor, _ choice: Choice, _ plan: Plan
    ) throws(ProteanError) -> Tensor {
        let batch = choice.rows
        var sum = try Tensor(zeros: [batch] + plan.output.dropFirst())
        var columns: [Tensor] = []
        for (index, (rows, weights)) in choice.plans().enumerated() {
            let shape = [batch] + plan.shapes[index].dropFirst()
            if combination == .concatenation { sum = try Tensor(zeros: shape) }
            if !rows.isEmpty {
                let y = try RowScope.with(rows) { () throws(ProteanError) in
                    try branches[index].applied(
                        to: try Operations.gatherRows(h, rows), as: "branches.\(index)")
                }
                switch combination {
                case .sum: try Operations.addRows(y, rows, weights: weights, to: &sum)
                case .concatenation: try Operations.scatterRows(y, rows, into: &sum)
                case .mean:
                    let shares = rows.rows.map { 1 / Float(choice.picks[$0].count) }
                    try Operations.addRows(y, rows, weights: shares, to: &sum)
                }
            }
            if combination == .concatenation { columns.append(sum) }
        }
        guard combination == .concatenation else { return sum }
        return try Operations.concatenate(columns, axis: plan.output.count - 1)
    }

    /// Shapes and costs for one sample of inputs of this shape.
    private func plan(for shape: [Int]) throws(ProteanError) -> Plan {
        guard !shape.isEmpty else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "at least one axis", found: shape)
        }
        let one = [1] + shape.dropFirst()
        return try plans.value(for: one) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in try makePlan(one) }
        }
    }

    private func makePlan(_ one: [Int]) throws(ProteanError) -> Plan {
        var plan = Plan()
        let x = try Tensor(shapeOnly: one)
        let (h, stemCost) = try Trace.measuring { () throws(ProteanError) in
            let h = try stem?.applied(to: x, as: "stem") ?? x
            _ = try gate.scores(h)
            return h
        }
        for (index, branch) in branches.enumerated() {
            let (y, cost) = try Trace.measuring { () throws(ProteanError) in
                try branch.applied(to: h, as: "branches.\(index)")
            }
            plan.shapes.append(y.shape)
            plan.costs.append(cost.multiplyAdds)
        }
        plan.output = try joinedShape(plan.shapes)
        let joined = try Tensor(shapeOnly: plan.output)
        let (_, headCost) = try Trace.measuring { () throws(ProteanError) in
            try head?.applied(to: joined, as: "head") ?? joined
        }
        plan.always = stemCost.multiplyAdds + headCost.multiplyAdds
        return plan
    }

    private func joinedShape(_ shapes: [[Int]]) throws(ProteanError) -> [Int] {
        var joined = shapes[0]
        let isConcatenation = combination == .concatenation
        for (index, shape) in shapes.enumerated() {
            let fits =
                isConcatenation
                ? shape.count > 1 && shape.dropLast() == joined.dropLast() : shape == joined
            guard fits else {
                throw .shapeMismatch(
                    layer: place, tensor: "result of branch \(index)",
                    expected: "that of branch 0, \(shapes[0])"
                        + (isConcatenation ? ", but for the last axis" : ""), found: shape)
            }
        }
        if isConcatenation {
            joined[joined.count - 1] = shapes.reduce(0) { $0 + ($1.last ?? 0) }
        }
        return joined
    }
}
