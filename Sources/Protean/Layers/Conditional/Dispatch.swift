/// Parts of which each row runs some, chosen by a gate: skipping, experts, branches, resolutions.
///
/// Rows are bucketed by part with one counting sort; parts run in order on their rows only, and
/// results are joined in order of the parts, so a row's bits do not depend on its company. A part
/// that no row chose is not called.
///
/// Input: whatever the parts take, first axis the batch. Output: see ``Combine``. Parameters:
/// `parts.0` …, and the gate's below `gate`, unless other names are given. Cost: each part on its rows, the gate on all.
public final class Dispatch: Layer {
    /// How the results of a row's parts become its output.
    public enum Combine: String, Sendable, CaseIterable {
        /// The result of the one part that the row chose; a row that chose none or several is
        /// refused.
        case replace
        /// Σ weight · result over the chosen parts; 0 if there are none.
        case sum
        /// x + Σ weight · result: rows that chose nothing pass.
        case pass
    }

    /// The parts, and the gate's below `gate`.
    public let submodules: [NamedModule]
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// How results are joined.
    public let combine: Combine
    /// How scores become a decision.
    public let rule: Rule

    private let parts: [any Layer]
    private let gate: any DecisionGate

    /// - Parameters:
    ///   - parts: one or more; results of one shape, for ``Combine/pass`` the input's.
    ///   - gate: one score per part.
    ///   - rule: how scores become a decision.
    ///   - combine: how results are joined.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public convenience init(
        parts: [any Layer], gate: any Layer, rule: Rule, combine: Combine
    ) throws(ProteanError) {
        let gate = LayerDecisionGate(gate)
        let names = parts.enumerated().map { NamedModule("parts.\($0.offset)", $0.element) }
        try self.init(
            parts: parts, gate: gate, rule: rule, combine: combine, names: names + gate.submodules)
    }

    /// As above, with a gate that is no layer, and modules under the names that they are given: by default
    /// `parts.0` … and `gate`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        parts: [any Layer], gate: any DecisionGate, rule: Rule, combine: Combine,
        names: [NamedModule]? = nil
    ) throws(ProteanError) {
        try checkOption(parts.count, "parts", in: 1...OptionLimits.experts, layer: "Dispatch")
        try rule.check(actions: parts.count, layer: "Dispatch")
        self.parts = parts
        self.gate = gate
        self.rule = rule
        self.combine = combine
        submodules =
            names ?? parts.enumerated().map { NamedModule("parts.\($0.offset)", $0.element) }
            + [NamedModule("gate", gate)]
    }

    /// The joined results. Given a shape only, every part is walked, for the cost of the full path.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or a decision does not fit ``combine``.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard !x.isShapeOnly else { return try walk(x) }
        let choice = try DecisionSource.decide(
            site: place, batch: x.shape.first ?? 0, actions: parts.count
        ) { () throws(ProteanError) in
            try rule.choose(try gate.scores(x), layer: place)
        }
        return try Self.run(x, choice, parts: parts, combine: combine, layer: place)
    }

    private func walk(_ x: Tensor) throws(ProteanError) -> Tensor {
        _ = try gate.scores(x)
        var y = x
        for part in parts { y = try part(x) }
        return y
    }

    /// Runs the chosen parts of every row, for layers that decide in another way.
    ///
    /// - Parameters:
    ///   - x: first axis the batch.
    ///   - choice: as many rows as `x` has, as many actions as there are parts.
    ///   - parts: called with their rows in ascending order.
    ///   - combine: how results are joined.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when `x` or the decision does not fit, or results differ in
    ///   shape.
    public static func run(
        _ x: Tensor, _ choice: Choice, parts: [any Layer], combine: Combine,
        layer: String = "Dispatch"
    ) throws(ProteanError) -> Tensor {
        guard choice.rows == x.shape.first ?? 0, choice.actions == parts.count else {
            throw .invalidOption(
                layer: layer, option: "choice",
                expected: "\(x.shape.first ?? 0) rows of \(parts.count) actions",
                found: "\(choice.rows) of \(choice.actions)")
        }
        if combine == .replace, let row = choice.picks.firstIndex(where: { $0.count != 1 }) {
            throw .invalidOption(
                layer: layer, option: "choice of row \(row)", expected: "one part",
                found: "\(choice.picks[row].count)")
        }
        var result = combine == .pass ? x : nil
        for (part, chosen) in zip(parts, choice.plans()) {
            let rows = chosen.plan
            if rows.isEmpty { continue }
            let y = try RowScope.with(rows) { () throws(ProteanError) in
                try part(try Operations.gatherRows(x, rows, layer: layer))
            }
            if combine == .replace, rows.isComplete { return y }
            var target = try start(result, rows.batch, like: y)
            // The only reference, so that the rows are written in place.
            result = nil
            if combine == .replace {
                try Operations.scatterRows(y, rows, into: &target, layer: layer)
            } else {
                try Operations.addRows(
                    y, rows, weights: chosen.weights, to: &target, layer: layer)
            }
            result = target
        }
        // No part ran: zeros of the shape that the first one's results would have.
        if let result { return result }
        let shape = try Trace.pausing { () throws(ProteanError) in
            try parts[0].outputShape(for: x.shape)
        }
        return try Tensor(zeros: shape)
    }

    /// The sum so far; at first zeros for all rows, of the shape of a part's results.
    private static func start(
        _ sum: Tensor?, _ batch: Int, like y: Tensor
    ) throws(ProteanError) -> Tensor {
        if let sum { return sum }
        return try Tensor(zeros: [batch] + y.shape.dropFirst())
    }
}
