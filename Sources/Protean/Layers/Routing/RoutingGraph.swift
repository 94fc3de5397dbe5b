/// A graph whose edges are open or closed for each sample: dynamic routing within a network of many
/// paths.
///
/// Nodes are listed in an order in which each one's edges come from earlier nodes. Whatever is
/// closed for a row is not computed for it, and a row's result does not depend on its batch, to the
/// bit. Li, Song, Chen, Li, Zhang, Wang, Sun, "Learning Dynamic Routing for Semantic Segmentation",
/// CVPR 2020, arXiv 2003.10401, is one such graph; its program closes cells by a sum over the
/// batch, here each row decides for itself. Trees with modules at nodes and edges are others (Tanno
/// et al., "Adaptive Neural Trees", arXiv 1807.06699).
///
/// ```swift
/// let graph = try RoutingGraph(
///     nodes: [
///         RoutingNode("stem", inputs: [.input], body: stem),
///         RoutingNode(
///             "root", inputs: [.node("stem")], gate: router, rule: .argmax, ports: [left, right]),
///         RoutingNode("a", inputs: [.node("root", port: 0)], body: first),
///         RoutingNode("b", inputs: [.node("root", port: 1)], body: second),
///     ], outputs: [[.node("a"), .node("b")]])
/// ```
/// Input: what the first parts take, first axis the batch. An output is the sum of its edges, 0
/// where they deliver nothing. Given a shape only, everything is walked: the cost with all edges
/// open.
public final class RoutingGraph: Layer, ConditionalLayer {
    /// The decisions of one call.
    public struct Routing: Sendable {
        /// For each node that some row reached: these rows, and each one's open ports and weights,
        /// as the gate chose them.
        public let nodes: [String: (rows: RowPlan, choice: Choice)]
        /// Multiply-adds executed for each row, gates included.
        public let executed: [Int]
    }

    /// The parts under their names.
    public let submodules: [NamedModule]
    /// Where the graph stands in a model.
    public let label: Label? = Label()

    let nodes: [RoutingNode]
    let outputs: [[RoutingNode.Edge]]
    /// After which node a node's results are not needed any more.
    let lastUse: [String: Int]
    private let plans = Derived<[Int], RoutingGraphPlan>(capacity: 4)

    /// - Parameters:
    ///   - parts: the modules that own the parameters, under the names of the weight file; by
    ///     default `NAME.gate`, `NAME.body`, `NAME.ports.0` … for each node.
    ///   - nodes: in topological order.
    ///   - outputs: the edges that each output adds up.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for two nodes of one
    ///   name, an edge from a node that is not earlier or from a port that is not there, and nodes
    ///   or outputs without edges or ports.
    public init(
        parts: [NamedModule]? = nil, nodes: [RoutingNode], outputs: [[RoutingNode.Edge]]
    ) throws(ProteanError) {
        var ports: [String: Int] = [:], lastUse: [String: Int] = [:]
        for (index, node) in nodes.enumerated() {
            try Self.check(node, after: ports)
            for case .node(let name, _) in node.inputs { lastUse[name] = index }
            ports[node.name] = node.ports.count
        }
        guard !outputs.isEmpty else { throw Self.refused("outputs", "at least one", "none") }
        for (index, edges) in outputs.enumerated() {
            try Self.check(edges, "outputs[\(index)]", after: ports)
            for case .node(let name, _) in edges { lastUse[name] = nodes.count }
        }
        self.nodes = nodes
        self.outputs = outputs
        self.lastUse = lastUse
        submodules = parts ?? nodes.flatMap(\.parts)
    }

    private static func check(
        _ node: RoutingNode, after ports: [String: Int]
    ) throws(ProteanError) {
        guard ports[node.name] == nil else {
            throw refused("nodes", "different names", "\(node.name) twice")
        }
        try check(node.inputs, "inputs of \(node.name)", after: ports)
        try checkOption(
            node.ports.count, "ports of \(node.name)", in: 1...OptionLimits.experts,
            layer: "RoutingGraph")
        if case .passes(let port) = node.closed, !node.ports.indices.contains(port) {
            throw refused(
                "closed of \(node.name)", "a port of 0..<\(node.ports.count)", "\(port)")
        }
        guard !node.closesBelow.isNaN else {
            throw refused("closesBelow of \(node.name)", "a number", "NaN")
        }
    }

    private static func check(
        _ edges: [RoutingNode.Edge], _ option: String, after ports: [String: Int]
    ) throws(ProteanError) {
        guard !edges.isEmpty else { throw refused(option, "at least one edge", "none") }
        for case .node(let name, let port) in edges {
            guard let count = ports[name] else {
                throw refused(option, "earlier nodes", name)
            }
            guard (0..<count).contains(port) else {
                throw refused(option, "a port of \(name), 0..<\(count)", "\(port)")
            }
        }
    }

    private static func refused(
        _ option: String, _ expected: String, _ found: String
    ) -> ProteanError {
        .invalidOption(layer: "RoutingGraph", option: option, expected: expected, found: found)
    }

    /// The first output.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or edges of one node deliver different
    ///   shapes.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try all(x)[0]
    }

    /// All outputs.
    ///
    /// - Throws: as ``callAsFunction(_:)``.
    public func all(_ x: Tensor) throws(ProteanError) -> [Tensor] {
        if x.isShapeOnly {
            let walk = try RoutingGraphWalk(self, x)
            return walk.outputs
        }
        return try routed(x).outputs
    }

    /// The first output, and the decisions that led to it.
    ///
    /// - Throws: as ``callAsFunction(_:)``; ``ProteanError/noValues(layer:)`` for a shape only.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: Routing) {
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        let (outputs, routing) = try routed(x)
        return (outputs[0], routing)
    }

    /// All outputs, and the decisions that led to them.
    ///
    /// - Throws: as ``decided(_:)``.
    public func routed(
        _ x: Tensor
    ) throws(ProteanError) -> (outputs: [Tensor], routing: Routing) {
        var run = RoutingGraphRun(self, x, try plan(for: x.shape))
        for index in nodes.indices { try run.step(index) }
        let outputs = try run.outputs()
        return (outputs, Routing(nodes: run.decisions, executed: run.executed))
    }

    /// Shapes and costs of everything for one row of inputs of this shape.
    private func plan(for shape: [Int]) throws(ProteanError) -> RoutingGraphPlan {
        guard !shape.isEmpty else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "at least one axis", found: shape)
        }
        let one = [1] + shape.dropFirst()
        return try plans.value(for: one) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                try RoutingGraphWalk(self, try Tensor(shapeOnly: one)).plan
            }
        }
    }
}
