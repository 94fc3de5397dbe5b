/// A network whose decisions are taken before it runs, by a policy that looks at the input once.
///
/// The policy's scores are cut into one part per site; a rule turns each part into a decision, and
/// the network runs on these decisions (``DecisionSource/table(_:)``). BlockDrop (arXiv 1711.08393)
/// chooses its blocks so, SpotTune (Guo et al., arXiv 1811.08737) for each block the frozen or the
/// tuned weights: there a site is a ``Dispatch`` of two parts, with ``GivenDecision`` as its gate.
///
/// Parts: `policy`, `network`. ``Module/assignLabels(prefix:)`` must have named the sites: call it
/// once after building. Cost: the policy on all rows, and the chosen parts of the network.
public final class PolicyRouted: Layer {
    /// A part of the network that decides.
    public struct Site: Sendable, Hashable {
        /// Its path within the network, such as `blocks.3`.
        public let path: String
        /// Number of its actions.
        public let actions: Int

        /// A site.
        public init(_ path: String, actions: Int = 2) {
            self.path = path
            self.actions = actions
        }
    }

    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// `policy` and `network`.
    public let submodules: [NamedModule]
    /// In the order of the policy's scores.
    public let sites: [Site]

    private let policy: any DecisionGate
    private let network: any Layer
    private let rule: Rule
    private let places: [any Module]

    /// - Parameters:
    ///   - policy: from the input to one score per site and action, `[rows, Σ actions]`.
    ///   - network: takes the same input.
    ///   - sites: different parts of `network`.
    ///   - rule: how the scores of one site become its decision.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a site that the
    ///   network does not have.
    public init(
        policy: any DecisionGate, network: any Layer, sites: [Site], rule: Rule = .argmax
    ) throws(ProteanError) {
        var places: [any Module] = []
        for site in sites {
            try checkOption(
                site.actions, "actions of \(site.path)", in: 1...OptionLimits.experts,
                layer: "PolicyRouted")
            guard let place = network.module(at: site.path) else {
                throw .invalidOption(
                    layer: "PolicyRouted", option: "sites", expected: "parts of the network",
                    found: site.path)
            }
            places.append(place)
        }
        self.policy = policy
        self.network = network
        self.sites = sites
        self.rule = rule
        self.places = places
        submodules = [NamedModule("policy", policy), NamedModule("network", network)]
    }

    /// The network's result under the policy's decisions.
    ///
    /// - Throws: ``ProteanError`` when `x` or the number of scores does not fit, or the sites have
    ///   no labels.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let scores = try policy.scores(x)
        let wanted = [x.shape.first ?? 0, sites.reduce(0) { $0 + $1.actions }]
        guard scores.shape == wanted else {
            throw .shapeMismatch(
                layer: place, tensor: "scores", expected: "\(wanted)", found: scores.shape)
        }
        if x.isShapeOnly { return try network(x) }
        let table = try table(scores)
        return try DecisionSource.with(.table(table)) { () throws(ProteanError) in
            try network(x)
        }
    }

    /// The decisions of all sites, by row of the outermost batch.
    private func table(_ scores: Tensor) throws(ProteanError) -> [String: [[Choice.Pick]]] {
        let rows = RowScope.origin(batch: scores.shape[0])
        var table: [String: [[Choice.Pick]]] = [:], first = 0
        for (site, module) in zip(sites, places) {
            guard table[module.place] == nil, module.label?.path != nil else {
                throw .invalidOption(
                    layer: place, option: "sites",
                    expected: "different parts with labels; call assignLabels() once",
                    found: module.place)
            }
            let own = try scores.slice(axis: 1, from: first, to: first + site.actions)
            let choice = try rule.choose(own, layer: module.place)
            var picks = [[Choice.Pick]](repeating: [], count: rows.batch)
            for (index, row) in rows.rows.enumerated() { picks[row] = choice.picks[index] }
            table[module.place] = picks
            first += site.actions
        }
        return table
    }
}

/// A gate for parts that never decide by themselves: decisions must come from a ``DecisionSource``.
public struct GivenDecision: DecisionGate {
    /// Number of actions.
    public let actions: Int

    /// A gate of so many actions.
    public init(actions: Int = 2) { self.actions = actions }

    /// Shapes only.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when it is asked for
    ///   values.
    public func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.isShapeOnly else {
            throw .invalidOption(
                layer: "GivenDecision", option: "decision",
                expected: "a table from DecisionSource.with", found: "none for this part")
        }
        return try Tensor(shapeOnly: [x.shape.first ?? 0, actions])
    }
}
