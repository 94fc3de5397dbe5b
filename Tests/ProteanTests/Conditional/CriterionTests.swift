import Foundation
import Testing

@testable import Protean

@Suite("Criterion and ExitPolicy: which rows leave")
struct CriterionTests {
    private func score(_ criterion: Criterion, _ logits: [Float]) -> Float {
        var state = Criterion.RowState()
        return criterion.score(logits[...], state: &state)
    }

    /// Softmax in double precision.
    private func probabilities(_ logits: [Float]) -> [Double] {
        let powers = logits.map { exp(Double($0)) }
        return powers.map { $0 / powers.reduce(0, +) }
    }

    @Test(
        arguments: [[0.3, -2, 1.7], [0, 0, 0, 0], [5, 5, -5], [-80, 3, 2.5, 2.25, 1]] as [[Float]])
    func scoresEqualTheirFormulas(_ logits: [Float]) {
        let p = probabilities(logits).sorted(by: >)
        let entropy = -p.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
        #expect(abs(Double(score(.maximumProbability, logits)) - p[0]) < 1e-6)
        #expect(abs(Double(score(.entropy, logits)) - entropy) < 1e-5)
        let normalized = entropy / log(Double(logits.count))
        #expect(abs(Double(score(.normalizedEntropy, logits)) - normalized) < 1e-5)
        #expect(abs(Double(score(.margin, logits)) - (p[0] - p[1])) < 1e-6)
        let accept = 1 / (1 + exp(-Double(logits.last!)))
        #expect(abs(Double(score(.accept, logits)) - accept) < 1e-6)
    }

    @Test func extremesStayNumbers() {
        #expect(score(.entropy, [1000, -1000]) == 0)
        #expect(score(.maximumProbability, [.infinity, 1]) == 1)
        #expect(score(.normalizedEntropy, [4]) == 0)
        #expect(score(.maximumProbability, [.infinity, .infinity]) == 0.5)
    }

    @Test func numbersThatAreNoneNeverLeave() throws {
        for criterion in [Criterion.maximumProbability, .entropy, .margin, .patience, .accept] {
            let found = score(criterion, [1, .nan])
            #expect(found.isNaN && !criterion.passes(found, -.infinity))
            #expect(!criterion.passes(found, .infinity))
        }
    }

    @Test func patienceCountsEqualClasses() {
        var state = Criterion.RowState()
        let rows: [[Float]] = [[1, 2], [0, 3], [0, 1], [5, 1], [5, 1]]
        let found = rows.map { Criterion.patience.score($0[...], state: &state) }
        #expect(found == [0, 1, 2, 0, 1])
        state = .init()
        let values: [Float] = [1, 1.05, 1.5, 1.45]
        let agreed = values.map {
            Criterion.agreement(tolerance: 0.1).score([$0][...], state: &state)
        }
        #expect(agreed == [0, 1, 0, 1])
    }

    @Test func referencesConventions() {
        #expect(Criterion.maximumProbability.passes(0.5, 0.5))
        #expect(!Criterion.entropy.passes(0.5, 0.5) && Criterion.entropy.passes(0.4, 0.5))
    }

    @Test func policiesJoin() throws {
        let sure = ExitPolicy.threshold(.maximumProbability, [0.7, 0])
        let patient = ExitPolicy.threshold(.patience, [0, 1])
        var state = ExitPolicy.RowState()
        let both = ExitPolicy.both(sure, patient), logits: [Float] = [1, 0]
        let first = try both.decide(logits[...], exit: 0, state: &state, layer: "t")
        #expect(first.leaves && abs(first.score - 0.7310586) < 1e-6)
        let second = try both.decide([0, 2][...], exit: 1, state: &state, layer: "t")
        #expect(!second.leaves)
        state = []
        let either = ExitPolicy.either(.threshold(.margin, [0.9, 0.9]), patient)
        #expect(try either.decide(logits[...], exit: 0, state: &state, layer: "t").leaves)
    }

    @Test func classesHaveTheirThresholds() throws {
        let policy = ExitPolicy.perClass(.maximumProbability, [[0.9, 0.5], [0, 0]])
        var state = ExitPolicy.RowState()
        #expect(try !policy.decide([1, 0][...], exit: 0, state: &state, layer: "t").leaves)
        #expect(try policy.decide([0, 1][...], exit: 0, state: &state, layer: "t").leaves)
        #expect(throws: ProteanError.self) {
            try policy.decide([0, 1, 2][...], exit: 0, state: &state, layer: "t")
        }
        #expect(throws: ProteanError.self) { try policy.check(exits: 3, layer: "t") }
        #expect(throws: ProteanError.self) {
            try ExitPolicy.threshold(.margin, [.nan]).check(exits: 1, layer: "t")
        }
    }
}
