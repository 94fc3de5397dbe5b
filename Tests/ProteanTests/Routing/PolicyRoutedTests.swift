import Testing

@testable import Protean

/// Decisions before the network: a policy, SpotTune's frozen and tuned parts, tasks.
@Suite struct PolicyRoutedTests {
    /// Three blocks of frozen and tuned weights; the frozen ones count their rows.
    struct SpotTune {
        let network: PolicyRouted
        let frozen, tuned: [CountingLayer]
        let policy: LayerDecisionGate

        init() throws {
            let frozen = try (0..<3).map {
                CountingLayer(
                    try Linear(inputFeatures: 4, outputFeatures: 4, seed: UInt64($0 + 1)))
            }
            let tuned = try (0..<3).map {
                CountingLayer(
                    try Linear(inputFeatures: 4, outputFeatures: 4, seed: UInt64($0 + 11)))
            }
            var blocks: [any Layer] = []
            for block in 0..<3 {
                blocks.append(
                    try Dispatch(
                        parts: [frozen[block], tuned[block]], gate: GivenDecision(),
                        rule: .argmax, combine: .replace))
            }
            policy = LayerDecisionGate(
                try Linear(inputFeatures: 4, outputFeatures: 6, seed: 40), name: "net")
            network = try PolicyRouted(
                policy: policy, network: try Sequential(blocks),
                sites: (0..<3).map { PolicyRouted.Site("\($0)") })
            (self.frozen, self.tuned) = (frozen, tuned)
        }
    }

    @Test func eachRowTakesFrozenOrTunedParts() throws {
        let spot = try SpotTune()
        spot.network.assignLabels()
        let x = try Tensor.random([24, 4], seed: 5)
        let y = try spot.network(x)
        let scores = try spot.policy.scores(x).elements
        var rows = [[0, 0], [0, 0], [0, 0]]
        for row in 0..<24 {
            var own = try x.rows([row])
            for block in 0..<3 {
                let at = row * 6 + 2 * block
                let action = scores[at + 1] > scores[at] ? 1 : 0
                rows[block][action] += 1
                own = try (action == 1 ? spot.tuned : spot.frozen)[block](own)
            }
            let found = try y.rows([row])
            #expect(MapTest.sameBits(found, own))
        }
        for block in 0..<3 {
            #expect(spot.frozen[block].calls.first == rows[block][0])
            #expect(spot.tuned[block].calls.first == rows[block][1])
        }
        #expect(rows.allSatisfy { $0[0] > 0 && $0[1] > 0 })
    }

    @Test func rowsAreIndependent() throws {
        let spot = try SpotTune()
        spot.network.assignLabels(prefix: "model")
        try expectRowsAlone(spot.network, try Tensor.random([7, 4], seed: 9))
    }

    @Test func sitesNeedLabelsAndDecisions() throws {
        let spot = try SpotTune()
        expectRefusal(of: "sites") { _ = try spot.network(try Tensor.random([2, 4])) }
        expectRefusal(of: "decision") {
            let block = try Dispatch(
                parts: [ReLU(), Identity()], gate: GivenDecision(), rule: .argmax,
                combine: .replace)
            _ = try block(try Tensor.random([2, 4]))
        }
        expectRefusal(of: "sites") {
            _ = try PolicyRouted(
                policy: GivenDecision(), network: try Sequential([ReLU()]), sites: [.init("7")])
        }
        let narrow = try PolicyRouted(
            policy: LayerDecisionGate(try Linear(inputFeatures: 4, outputFeatures: 3)),
            network: try Sequential([ReLU()]), sites: [.init("0")])
        expectMismatch(of: "scores") { _ = try narrow(try Tensor.random([2, 4])) }
    }

    /// A trunk whose blocks tasks share or skip: one batch holds rows of both tasks.
    @Test func tasksHavePathsOfTheirOwn() throws {
        let parts = try (0..<3).map {
            CountingLayer(try Linear(inputFeatures: 4, outputFeatures: 4, seed: UInt64($0)))
        }
        let trunk = try Sequential(
            try parts.map {
                try Dispatch(
                    parts: [$0], gate: GivenDecision(actions: 1), rule: .argmax, combine: .pass)
            })
        trunk.assignLabels(prefix: "trunk")
        let paths = try TaskPaths(
            tasks: 2,
            sites: ["trunk.0": [[0], [0]], "trunk.1": [[0], []], "trunk.2": [[], [0]]])
        let x = try Tensor.random([5, 4], seed: 3)
        let y = try DecisionSource.with(paths.source(for: [0, 1, 1, 0, 1])) {
            () throws(ProteanError) in try trunk(x)
        }
        #expect(parts.map(\.calls) == [[5], [2], [3]])
        let own = try x.rows([1])
        let first = try own + parts[0](own)
        let wanted = try first + parts[2](first), found = try y.rows([1])
        #expect(try found.maximumDifference(from: wanted) == 0)
        expectRefusal(of: "task of row 1") { _ = try paths.source(for: [0, 2]) }
        expectRefusal(of: "actions of a") { _ = try TaskPaths(tasks: 2, sites: ["a": [[0]]]) }
    }
}
