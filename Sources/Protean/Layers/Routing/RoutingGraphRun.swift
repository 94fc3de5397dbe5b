/// Shapes and multiply-adds of a graph's parts, for one row.
struct RoutingGraphPlan: Sendable {
    /// The shape of every node's input, and of every output.
    var inputs: [String: [Int]] = [:]
    var outputs: [[Int]] = []
    /// Multiply-adds of every node's gate, body and ports.
    var gates: [String: Int] = [:]
    var bodies: [String: Int] = [:]
    var ports: [String: [Int]] = [:]
}

/// A walk through all parts of a graph with shapes only.
struct RoutingGraphWalk {
    private let graph: RoutingGraph
    private let x: Tensor
    private var delivered: [String: [Tensor]] = [:]
    private(set) var plan = RoutingGraphPlan()
    private(set) var outputs: [Tensor] = []

    init(_ graph: RoutingGraph, _ x: Tensor) throws(ProteanError) {
        self.graph = graph
        self.x = x
        for node in graph.nodes { try visit(node) }
        for (index, edges) in graph.outputs.enumerated() {
            let y = try sum(edges, of: "output \(index)")
            outputs.append(y)
            plan.outputs.append(y.shape)
        }
    }

    private mutating func visit(_ node: RoutingNode) throws(ProteanError) {
        let h = try sum(node.inputs, of: "node \(node.name)")
        plan.inputs[node.name] = h.shape
        let (_, gate) = try Trace.measuring { () throws(ProteanError) in
            try node.gate?.scores(h)
        }
        let (y, body) = try Trace.measuring { () throws(ProteanError) in
            try node.body?.applied(to: h, as: "\(node.name).body") ?? h
        }
        var results: [Tensor] = [], costs: [Int] = []
        for (index, part) in node.ports.enumerated() {
            let (result, cost) = try Trace.measuring { () throws(ProteanError) in
                try part?.applied(to: y, as: "\(node.name).ports.\(index)") ?? y
            }
            results.append(result)
            costs.append(cost.multiplyAdds)
        }
        if case .passes(let port) = node.closed, results[port].shape != h.shape {
            throw .shapeMismatch(
                layer: graph.place, tensor: "input of node \(node.name), which passes",
                expected: "\(results[port].shape), as port \(port) delivers", found: h.shape)
        }
        delivered[node.name] = results
        plan.gates[node.name] = gate.multiplyAdds
        plan.bodies[node.name] = body.multiplyAdds
        plan.ports[node.name] = costs
    }

    private func sum(
        _ edges: [RoutingNode.Edge], of place: String
    ) throws(ProteanError) -> Tensor {
        var first: Tensor?
        for edge in edges {
            let found: Tensor =
                switch edge {
                case .input: x
                case .node(let name, let port): delivered[name]?[port] ?? x
                }
            if let first, first.shape != found.shape {
                throw .shapeMismatch(
                    layer: graph.place, tensor: "\(edge) of \(place)",
                    expected: "\(first.shape), as the edges before it deliver",
                    found: found.shape)
            }
            first = first ?? found
        }
        return first ?? x
    }
}

/// One call of a graph on values.
struct RoutingGraphRun {
    /// What a port delivers: values with weights for some rows, and zeros for others.
    private struct Delivery {
        /// All rows that get something.
        let present: RowPlan
        /// The rows with values, one row of `values` each.
        let rows: RowPlan
        let values: Tensor?
        let weights: [Float]?
    }

    private let graph: RoutingGraph
    private let plan: RoutingGraphPlan
    private let batch: Int
    private let x: Delivery
    private var delivered: [String: [[Delivery]]] = [:]
    private(set) var decisions: [String: (rows: RowPlan, choice: Choice)] = [:]
    private(set) var executed: [Int]

    init(_ graph: RoutingGraph, _ x: Tensor, _ plan: RoutingGraphPlan) {
        self.graph = graph
        self.plan = plan
        batch = x.shape.first ?? 0
        let all = RowPlan(all: batch)
        self.x = Delivery(present: all, rows: all, values: x, weights: nil)
        executed = [Int](repeating: 0, count: batch)
    }

    /// Runs a node for the rows that reach it.
    mutating func step(_ index: Int) throws(ProteanError) {
        let node = graph.nodes[index]
        let edges = node.inputs.flatMap { deliveries($0) }
        let present = RowPlan(where: union(edges.map(\.present)))
        if present.isEmpty {
            delivered[node.name] = [[Delivery]](repeating: [], count: node.ports.count)
        } else {
            let h = try sum(edges, over: present, shape: plan.inputs[node.name] ?? [])
            try run(node, h, present)
        }
        for (name, last) in graph.lastUse where last == index { delivered[name] = nil }
    }

    /// The sums of all outputs' edges over the whole batch.
    func outputs() throws(ProteanError) -> [Tensor] {
        var found: [Tensor] = []
        for (edges, shape) in zip(graph.outputs, plan.outputs) {
            let list = edges.flatMap { deliveries($0) }
            found.append(try sum(list, over: RowPlan(all: batch), shape: shape))
        }
        return found
    }

    private func deliveries(_ edge: RoutingNode.Edge) -> [Delivery] {
        switch edge {
        case .input: [x]
        case .node(let name, let port): delivered[name]?[port] ?? []
        }
    }

    private func union(_ plans: [RowPlan]) -> [Bool] {
        var keep = [Bool](repeating: false, count: batch)
        for plan in plans { for row in plan.rows { keep[row] = true } }
        return keep
    }

    /// Added in order of the edges, always from 0, so that a row's bits do not depend on others.
    private func sum(
        _ list: [Delivery], over present: RowPlan, shape: [Int]
    ) throws(ProteanError) -> Tensor {
        var sum = try Tensor(zeros: [present.count] + shape.dropFirst())
        for delivery in list {
            guard let values = delivery.values, !delivery.rows.isEmpty else { continue }
            try Operations.addRows(
                values, try present.positions(of: delivery.rows), weights: delivery.weights,
                to: &sum, layer: graph.place)
        }
        return sum
    }

    private mutating func run(
        _ node: RoutingNode, _ h: Tensor, _ present: RowPlan
    ) throws(ProteanError) {
        let choice = try decide(node, h, present)
        decisions[node.name] = (present, choice)
        let isOpen = choice.picks.map { picks in
            !picks.isEmpty && picks.reduce(0) { $0 + $1.weight } >= node.closesBelow
        }
        let inner = RowPlan(where: isOpen)
        let open = try present.narrowed(to: inner)
        var ports = [[Delivery]](repeating: [], count: node.ports.count)
        if !open.isEmpty {
            let y = try RowScope.with(open) { () throws(ProteanError) in
                let own = try Operations.gatherRows(h, inner)
                return try node.body?.applied(to: own, as: "\(node.name).body") ?? own
            }
            charge(open, plan.bodies[node.name] ?? 0)
            let chosen = try choice.narrowed(to: inner).plans()
            for (index, (rows, weights)) in chosen.enumerated() {
                ports[index].append(
                    try deliver(node, index, y, open, rows, node.gate == nil ? nil : weights))
            }
        }
        let shut = inner.inverted
        if case .passes(let port) = node.closed, !shut.isEmpty {
            let rows = try present.narrowed(to: shut)
            ports[port].append(
                Delivery(
                    present: rows, rows: rows, values: try Operations.gatherRows(h, shut),
                    weights: nil))
        }
        delivered[node.name] = ports
    }

    /// What a port delivers for the open rows of which `rows` chose it.
    private mutating func deliver(
        _ node: RoutingNode, _ index: Int, _ y: Tensor, _ open: RowPlan, _ rows: RowPlan,
        _ weights: [Float]?
    ) throws(ProteanError) -> Delivery {
        let chosen = try open.narrowed(to: rows)
        var values: Tensor?
        if !rows.isEmpty {
            values = try RowScope.with(chosen) { () throws(ProteanError) in
                let own = try Operations.gatherRows(y, rows)
                return try node.ports[index]?
                    .applied(to: own, as: "\(node.name).ports.\(index)") ?? own
            }
            charge(chosen, plan.ports[node.name]?[index] ?? 0)
        }
        return Delivery(
            present: node.closedPort == .zeros ? open : chosen, rows: chosen, values: values,
            weights: weights)
    }

    private mutating func decide(
        _ node: RoutingNode, _ h: Tensor, _ present: RowPlan
    ) throws(ProteanError) -> Choice {
        let all = node.ports.indices.map { Choice.Pick(action: $0) }
        guard let gate = node.gate else {
            return try Choice(
                actions: all.count,
                picks: [[Choice.Pick]](repeating: all, count: present.count))
        }
        let site = graph.place + "." + node.name
        var asked = false
        let choice = try RowScope.with(present) { () throws(ProteanError) in
            try DecisionSource.decide(site: site, batch: present.count, actions: all.count) {
                () throws(ProteanError) in
                asked = true
                return try node.rule.choose(try gate.scores(h), layer: site)
            }
        }
        if asked { charge(present, plan.gates[node.name] ?? 0) }
        return choice
    }

    private mutating func charge(_ rows: RowPlan, _ multiplyAdds: Int) {
        for row in rows.rows { executed[row] += multiplyAdds }
    }
}
