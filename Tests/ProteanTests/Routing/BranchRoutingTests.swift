import Testing

@testable import Protean

/// Branches against sums over all branches, and what is not called.
@Suite struct BranchRoutingTests {
    static func conv(_ inputs: Int, _ outputs: Int, _ seed: UInt64) throws -> any Layer {
        try Sequential([
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1,
                seed: seed), ReLU(),
        ])
    }

    static func hydra(
        _ combination: BranchRouting.Combination, _ rule: Rule
    ) throws -> BranchRouting {
        let gate = try Sequential([
            GlobalAveragePool2d(), try Linear(inputFeatures: 6, outputFeatures: 4, seed: 9),
        ])
        try (gate.module(at: "1") as? Linear)?.weight.set(try Tensor.random([4, 6], seed: 5) * 9)
        return try BranchRouting(
            stem: try conv(3, 6, 1), gate: LayerDecisionGate(gate),
            branches: try (0..<4).map { try conv(6, 5, UInt64(20 + $0)) }, rule: rule,
            combination: combination,
            head: try Sequential([
                GlobalAveragePool2d(),
                try Linear(
                    inputFeatures: combination == .concatenation ? 20 : 5, outputFeatures: 3,
                    seed: 3),
            ]))
    }

    static let cases: [(BranchRouting.Combination, Rule)] = [
        (.concatenation, .top(2)), (.mean, .top(2)), (.sum, .top(3)), (.sum, .argmax),
        (.mean, .above(0)), (.sum, .winners(density: 0.5)),
    ]

    @Test(arguments: cases)
    func equalsAllBranchesMasked(_ combination: BranchRouting.Combination, _ rule: Rule) throws {
        let layer = try Self.hydra(combination, rule)
        let x = try Tensor.random([7, 5, 9, 3], seed: 2)
        let trace = Trace()
        let (y, routing) = try trace.recording { try layer.decided(x) }
        #expect(trace.executed(batch: 7) == routing.executed)
        let stem = try #require(layer.module(at: "stem") as? any Layer)
        let head = try #require(layer.module(at: "head") as? any Layer)
        let h = try stem(x)
        for row in 0..<7 {
            var parts: [Tensor] = []
            let picks = routing.choice.picks[row]
            for index in 0..<4 {
                let branch = try #require(layer.module(at: "branches.\(index)") as? any Layer)
                let result = try branch(try h.rows([row]))
                let pick = picks.first { $0.action == index }
                let weight: Float =
                    switch combination {
                    case .sum: pick?.weight ?? 0
                    case .mean: pick == nil ? 0 : 1 / Float(picks.count)
                    case .concatenation: pick == nil ? 0 : 1
                    }
                parts.append(try result * weight)
            }
            var joined = parts[0]
            if combination == .concatenation {
                joined = try Operations.concatenate(parts, axis: 3)
            } else {
                for part in parts.dropFirst() { joined = try joined + part }
            }
            let wanted = try head(joined), found = try y.rows([row])
            #expect(try found.maximumDifference(from: wanted) < 1e-5)
        }
    }

    @Test(arguments: cases)
    func rowsAreIndependent(_ combination: BranchRouting.Combination, _ rule: Rule) throws {
        let layer = try Self.hydra(combination, rule)
        try expectRowsAlone(layer, try Tensor.random([7, 4, 6, 3], seed: 8))
    }

    @Test func onlyChosenBranchesAreCalled() throws {
        let counters = try (0..<3).map {
            CountingLayer(try Linear(inputFeatures: 4, outputFeatures: 2, seed: UInt64($0)))
        }
        let layer = try BranchRouting(
            gate: GivenScores(scores: [[1, 0, 0], [2, 1, 0], [3, 0, 0], [0, 0, 0]]),
            branches: counters, rule: .nonzero, combination: .sum)
        let (y, routing) = try layer.decided(try Tensor.random([4, 4]))
        #expect(counters.map(\.calls) == [[3], [1], []])
        #expect(routing.executed == [8, 16, 8, 0])
        #expect(y.elements.suffix(2) == [0, 0])
        #expect(try layer.cost(for: [1, 4]).multiplyAdds == 24)
    }

    /// tanh(1.5) = 0.905; weights of 0 and below close a path exactly.
    @Test func softGatesHaveExactZeros() throws {
        let gate = TanhReLUGate(Identity())
        let scores = try gate.scores(try Tensor([1.5, 0, -2, 0.5], shape: [2, 2]))
        #expect(abs(scores.elements[0] - 0.905_148) < 1e-6)
        #expect(scores.elements[1] == 0 && scores.elements[2] == 0)
        let choice = try Rule.nonzero.choose(scores)
        #expect(choice.picks.map { $0.map(\.action) } == [[0], [1]])
        #expect(choice.picks[0][0].weight == scores.elements[0])
    }

    @Test func optionsAreChecked() throws {
        expectRefusal(of: "branches") {
            _ = try BranchRouting(
                gate: GivenDecision(), branches: [], rule: .argmax, combination: .sum)
        }
        let unequal = try BranchRouting(
            gate: GivenDecision(),
            branches: [
                try Linear(inputFeatures: 4, outputFeatures: 2),
                try Linear(inputFeatures: 4, outputFeatures: 3),
            ], rule: .argmax, combination: .mean)
        expectMismatch(of: "result of branch 1") { _ = try unequal(try Tensor(zeros: [1, 4])) }
        expectRefusal(of: "scores of row 0") {
            let layer = try BranchRouting(
                gate: GivenScores(scores: [[.nan, .nan]]), branches: [Identity(), Identity()],
                rule: .argmax, combination: .sum)
            _ = try layer(try Tensor(zeros: [1, 2]))
        }
    }
}
