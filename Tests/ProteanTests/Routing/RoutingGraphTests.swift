import Testing

@testable import Protean

/// Graphs against sums over all their edges, closed nodes, and a tree of modules.
@Suite struct RoutingGraphTests {
    /// An adaptive neural tree: a router at the root, transformers on edges, solvers at leaves;
    /// single path (arXiv 1807.06699).
    struct AdaptiveTree {
        let graph: RoutingGraph
        let counters: [String: CountingLayer]

        init() throws {
            var counters: [String: CountingLayer] = [:]
            func conv(_ name: String, _ inputs: Int, _ outputs: Int, _ seed: UInt64) throws
                -> CountingLayer
            {
                let layer = CountingLayer(
                    try Sequential([
                        try Conv2d(
                            inputChannels: inputs, outputChannels: outputs, kernelSize: 3,
                            padding: 1, seed: seed), ReLU(),
                    ]))
                counters[name] = layer
                return layer
            }
            func solver(_ name: String, _ seed: UInt64) throws -> CountingLayer {
                let layer = CountingLayer(
                    try Sequential([
                        GlobalAveragePool2d(),
                        try Linear(inputFeatures: 5, outputFeatures: 3, seed: seed), Softmax(),
                    ]))
                counters[name] = layer
                return layer
            }
            func router(_ seed: UInt64) throws -> LayerDecisionGate {
                let product = try Linear(inputFeatures: 5, outputFeatures: 2, seed: seed)
                try product.weight.set(try Tensor.random([2, 5], seed: seed) * 9)
                return LayerDecisionGate(try Sequential([GlobalAveragePool2d(), product]))
            }
            graph = try RoutingGraph(
                nodes: [
                    RoutingNode(
                        "root", inputs: [.input], gate: try router(4), rule: .argmax,
                        ports: [try conv("left", 5, 5, 1), try conv("right", 5, 5, 2)]),
                    RoutingNode(
                        "inner", inputs: [.node("root", port: 1)], gate: try router(7),
                        rule: .argmax, ports: [nil, try conv("deep", 5, 5, 3)]),
                    RoutingNode("a", inputs: [.node("root")], body: try solver("a", 5)),
                    RoutingNode("b", inputs: [.node("inner")], body: try solver("b", 6)),
                    RoutingNode(
                        "c", inputs: [.node("inner", port: 1)], body: try solver("c", 7)),
                ], outputs: [[.node("a"), .node("b"), .node("c")]])
            self.counters = counters
        }
    }

    @Test func aTreeRunsOnePathPerRow() throws {
        let tree = try AdaptiveTree()
        let x = try Tensor.random([24, 4, 3, 5], seed: 12)
        let trace = Trace()
        let (y, routing) = try trace.recording { try tree.graph.decided(x) }
        #expect(trace.executed(batch: 24) == routing.executed)
        let solved = tree.counters.filter { "abc".contains($0.key) }.values
        #expect(solved.reduce(0) { $0 + $1.rows } == 24)
        #expect(y.shape == [24, 3])
        #expect(try y.sum(axes: [1]).elements.allSatisfy { abs($0 - 1) < 1e-5 })
        let inner = try #require(routing.nodes["inner"])
        #expect(inner.rows.count == tree.counters["right"]?.rows)
        #expect(inner.rows.count > 0 && inner.rows.count < 24)
        // Convolutions 12 · 9 · 25, routers 10, solvers 15.
        let conv = 2700
        for row in 0..<24 {
            let at = inner.rows.rows.firstIndex(of: row)
            let deep = at.map { inner.choice.picks[$0][0].action } ?? 0
            let expected = at == nil ? conv + 10 + 15 : conv + 20 + 15 + deep * conv
            #expect(routing.executed[row] == expected)
        }
        let convs = ["left", "right", "deep"].reduce(0) { $0 + (tree.counters[$1]?.rows ?? 0) }
        #expect(
            routing.executed.reduce(0, +) == convs * conv + 24 * 25 + inner.rows.count * 10)
    }

    @Test func rowsOfATreeAreIndependent() throws {
        try expectRowsAlone(try AdaptiveTree().graph, try Tensor.random([7, 4, 3, 5], seed: 12))
    }

    /// Two nodes with two ports each that feed each other's sums, with given weights.
    static func grid(
        _ scores: [[Float]], closedPort: RoutingNode.ClosedPort = .nothing
    ) throws -> (RoutingGraph, [CountingLayer]) {
        let parts = try (0..<4).map {
            CountingLayer(
                try Linear(
                    inputFeatures: 3, outputFeatures: 3, bias: $0 == 3, seed: UInt64($0 + 1)))
        }
        let graph = try RoutingGraph(
            nodes: [
                RoutingNode(
                    "first", inputs: [.input], gate: GivenScores(scores: scores), body: parts[0],
                    ports: [nil, parts[1]], closed: .passes(port: 0), closesBelow: 1e-4,
                    closedPort: closedPort),
                RoutingNode("second", inputs: [.node("first", port: 1)], body: parts[2]),
                RoutingNode(
                    "third", inputs: [.node("first"), .node("second")], body: parts[3]),
            ], outputs: [[.node("third")], [.node("second"), .input]])
        return (graph, parts)
    }

    static let weights: [[Float]] = [[0.5, 0], [0, 0.25], [0.5, 0.75], [0, 0], [5e-5, 4e-5]]

    @Test func sumsAreThoseOfOpenEdges() throws {
        let (graph, parts) = try Self.grid(Self.weights)
        let x = try Tensor.random([5, 3], seed: 3)
        let (outputs, routing) = try graph.routed(x)
        // Rows 3 and 4 close the first node; row 0 does not reach the second.
        #expect(parts.map(\.calls) == [[3], [2], [2], [5]])
        #expect(routing.nodes["second"]?.rows.rows == [1, 2])
        #expect(routing.executed == [9 + 9, 4 * 9, 4 * 9, 9, 9])
        for row in 0..<5 {
            let own = try x.rows([row]), weight = Self.weights[row]
            let isClosed = weight[0] + weight[1] < 1e-4
            let h = try parts[0](own)
            let keep = try isClosed ? own : h * weight[0]
            let up = try parts[1](h) * (isClosed ? 0 : weight[1])
            let second = weight[1] == 0 || isClosed ? try Tensor(zeros: [1, 3]) : try parts[2](up)
            let sum = try keep + second
            let third = try parts[3](sum)
            let found = try outputs[0].rows([row]), also = try outputs[1].rows([row])
            #expect(try found.maximumDifference(from: third) < 1e-6, "row \(row)")
            #expect(try also.maximumDifference(from: second + own) < 1e-6, "row \(row)")
        }
    }

    /// As in the published program: an open node's closed port delivers zeros, on which the next
    /// node runs.
    @Test func closedPortsMayDeliverZeros() throws {
        let (graph, parts) = try Self.grid(Self.weights, closedPort: .zeros)
        let routing = try graph.routed(try Tensor.random([5, 3], seed: 3)).routing
        #expect(parts.map(\.calls) == [[3], [2], [3], [5]])
        #expect(routing.nodes["second"]?.rows.rows == [0, 1, 2])
    }

    @Test(arguments: [RoutingNode.ClosedPort.zeros, .nothing])
    func rowsAreIndependent(_ closedPort: RoutingNode.ClosedPort) throws {
        let (graph, _) = try Self.grid(Self.weights, closedPort: closedPort)
        let x = try Tensor.random([5, 3], seed: 3)
        let all = try graph(x)
        for row in 0..<5 {
            let alone = try Self.grid([Self.weights[row]], closedPort: closedPort).0
            let found = try alone(try x.rows([row])), wanted = try all.rows([row])
            #expect(MapTest.sameBits(found, wanted))
        }
        #expect(try graph(try x.rows([])).shape == [0, 3])
    }

    @Test func tablesDecideInPlaceOfGates() throws {
        let tree = try AdaptiveTree()
        let x = try Tensor.random([6, 4, 3, 5], seed: 2)
        let trace = DecisionTrace()
        let y = try trace.recording { try tree.graph(x) }
        #expect(trace.sites.allSatisfy { $0.hasPrefix("RoutingGraph.") })
        let again = try DecisionSource.with(.table(trace.table)) { () throws(ProteanError) in
            try tree.graph(x)
        }
        #expect(MapTest.sameBits(y, again))
        let left = try DecisionSource.with(.everywhere([0])) { () throws(ProteanError) in
            try tree.graph.decided(x).decision
        }
        #expect(left.executed == [Int](repeating: 2700 + 15, count: 6))
    }

    @Test func optionsAreChecked() throws {
        func graph(_ nodes: [RoutingNode], _ outputs: [[RoutingNode.Edge]]) throws {
            _ = try RoutingGraph(nodes: nodes, outputs: outputs)
        }
        let node = RoutingNode("a", inputs: [.input])
        expectRefusal(of: "nodes") { try graph([node, node], [[.node("a")]]) }
        expectRefusal(of: "inputs of a") {
            try graph([RoutingNode("a", inputs: [.node("b")])], [[.input]])
        }
        expectRefusal(of: "inputs of a") { try graph([RoutingNode("a", inputs: [])], [[.input]]) }
        expectRefusal(of: "outputs[0]") { try graph([node], [[.node("a", port: 1)]]) }
        expectRefusal(of: "outputs") { try graph([node], []) }
        expectRefusal(of: "ports of a") {
            try graph([RoutingNode("a", inputs: [.input], ports: [])], [[.input]])
        }
        expectRefusal(of: "closed of a") {
            try graph([RoutingNode("a", inputs: [.input], closed: .passes(port: 1))], [[.input]])
        }
        expectRefusal(of: "closesBelow of a") {
            try graph([RoutingNode("a", inputs: [.input], closesBelow: .nan)], [[.input]])
        }
        let unequal = try RoutingGraph(
            nodes: [
                RoutingNode(
                    "a", inputs: [.input], body: try Linear(inputFeatures: 3, outputFeatures: 2)),
                RoutingNode("b", inputs: [.input, .node("a")]),
            ], outputs: [[.node("b")]])
        #expect(throws: ProteanError.self) { try unequal(try Tensor(zeros: [1, 3])) }
    }
}
