import Testing

@testable import Protean

/// Places of experts, by hand and against a plain count.
@Suite struct ExpertCapacityTests {
    @Test func placesFollowTheFormula() throws {
        let evaluation = try ExpertCapacity()
        #expect(evaluation.places(tokens: 1024, experts: 16) == 128)
        #expect(evaluation.places(tokens: 10, experts: 16) == 4)
        #expect(evaluation.places(tokens: 3, experts: 16) == 3)
        #expect(evaluation.places(tokens: 8, experts: 1) == 8)
        #expect(try ExpertCapacity(factor: 1.25, minimum: 1).places(tokens: 100, experts: 8) == 15)
        #expect(try ExpertCapacity(factor: 1e6).places(tokens: 9, experts: 2) == 9)
    }

    /// Five tokens want expert 0, which has two places: the first two tokens get them.
    @Test func tokensAreDroppedByPosition() throws {
        let capacity = try ExpertCapacity(factor: 0.8, minimum: 1)
        #expect(capacity.places(tokens: 5, experts: 2) == 2)
        let layer = try MixtureOfExperts(
            inputFeatures: 1, experts: [Identity(), Identity()],
            gating: .topOne(capacity: capacity))
        try layer.gate.set(try Tensor([1, -1], shape: [1, 2]))
        let x = try Tensor([1, 2, 3, -4, 5], shape: [5, 1])
        let (y, routing) = try layer.decided(x)
        #expect(routing.choice.picks.map { $0.map(\.action) } == [[0], [0], [], [1], []])
        #expect(y.elements[2] == 0 && y.elements[4] == 0)
        let free = try MixtureOfExperts(
            inputFeatures: 1, experts: [Identity(), Identity()], gating: .topOne())
        try free.gate.set(layer.gate.value)
        let kept = try free(x).elements
        #expect(y.elements[0] == kept[0] && y.elements[3] == kept[3])
        // The exception to the rule: alone, the third token is not dropped.
        #expect(try layer(try x.rows([2])).elements == [kept[2]])
        #expect(routing.executed == [2, 2, 2, 2, 2])
    }

    @Test func groupsHavePlacesOfTheirOwn() throws {
        let capacity = try ExpertCapacity(factor: 1, minimum: 1, group: 2)
        let kept = capacity.kept([[0], [0], [0], [1], [1]], experts: 2)
        #expect(kept == [[true], [false], [true], [true], [true]])
    }

    /// All first places are given before any second one.
    @Test func secondPlacesComeAfterFirstPlaces() throws {
        let capacity = try ExpertCapacity(factor: 1, minimum: 2)
        #expect(capacity.places(tokens: 4, experts: 2) == 2)
        let kept = capacity.kept([[0, 1], [0, 1], [0, 1], [1, 0]], experts: 2)
        // Expert 0: tokens 0, 1; token 2 too late. Expert 1: token 3 first, then token 0.
        #expect(kept == [[true, true], [true, false], [false, false], [true, false]])
    }

    /// A plain count with cumulative sums, as the references write it, on random preferences.
    @Test func agreesWithCumulativeSums() throws {
        let experts = 5, tokens = 50, group = 16
        let capacity = try ExpertCapacity(factor: 1.1, minimum: 2, group: group)
        let order = (0..<tokens).map { token -> [Int] in
            let first = Int(CounterRandom.bits(seed: 1, site: 0, row: token) % 5)
            let step = 1 + Int(CounterRandom.bits(seed: 2, site: 0, row: token) % 4)
            return [first, (first + step) % experts]
        }
        let kept = capacity.kept(order, experts: experts)
        for start in stride(from: 0, to: tokens, by: group) {
            let end = min(start + group, tokens)
            let places = capacity.places(tokens: end - start, experts: experts)
            for token in start..<end {
                let first = (start..<token).count { order[$0][0] == order[token][0] }
                #expect(kept[token][0] == (first < places))
                let second = order[token][1]
                let before = min(places, (start..<end).count { order[$0][0] == second })
                let position = before + (start..<token).count { order[$0][1] == second }
                #expect(kept[token][1] == (position < places), "token \(token)")
            }
        }
    }

    @Test func balanceValues() throws {
        #expect(abs(RoutingBalance.squaredVariation([1, 2, 3, 2]) - 1.0 / 6) < 1e-4)
        #expect(abs(RoutingBalance.squaredVariation([1, 2, 3, 2], unbiased: false) - 0.125) < 1e-4)
        #expect(RoutingBalance.squaredVariation([5]) == 0)
        let p = try Tensor(
            [0.7, 0.1, 0.1, 0.1, 0.6, 0.2, 0.1, 0.1, 0.1, 0.2, 0.6, 0.1, 0.25, 0.25, 0.25, 0.25],
            shape: [4, 4])
        let first = try ExpertGating.topOne().choose(p).picks.map { $0[0].action }
        #expect(first == [0, 0, 2, 0])
        let value = try RoutingBalance.switchAuxiliary(probabilities: p, first: first)
        #expect(abs(value - 1.5) < 1e-6)
        let even = try Tensor(repeating: 0.25, shape: [4, 4])
        let one = try RoutingBalance.switchAuxiliary(probabilities: even, first: [0, 1, 2, 3])
        #expect(abs(one - 1) < 1e-6)
        #expect(try RoutingBalance.switchAuxiliary(probabilities: p.rows([]), first: []) == 0)
        // log(4 e⁰)² = 1.9218, log(4 e¹)² = 5.694.
        let logits = try Tensor([0, 0, 0, 0, 1, 1, 1, 1], shape: [2, 4])
        #expect(abs(try RoutingBalance.zValue(logits) - 3.8081) < 1e-3)
        expectRefusal(of: "first") {
            _ = try RoutingBalance.switchAuxiliary(probabilities: p, first: [0, 1, 2, 4])
        }
        expectRefusal(of: "k") {
            _ = try RoutingBalance.expectedLoad(clean: p, noisy: p, deviation: p, k: 4)
        }
        expectMismatch(of: "deviation") {
            _ = try RoutingBalance.expectedLoad(clean: p, noisy: p, deviation: logits, k: 2)
        }
    }
}
