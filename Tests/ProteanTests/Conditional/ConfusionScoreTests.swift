import Foundation
import Testing

@testable import Protean

@Suite("Confusion: how much exits disagree") struct ConfusionScoreTests {
    /// The definition in double precision.
    private static func reference(_ logits: [Tensor]) -> [Double] {
        let rows = logits[0].shape[0], classes = logits[0].shape[1]
        func softmax(_ x: Tensor, _ row: Int) -> [Double] {
            let own = x.elements[row * classes..<(row + 1) * classes].map { exp(Double($0)) }
            let sum = own.reduce(0, +)
            return own.map { $0 / sum }
        }
        return (0..<rows).map { row in
            let last = softmax(logits[logits.count - 1], row)
            return logits.reduce(0.0) { sum, other in
                sum + zip(last, softmax(other, row)).reduce(0) { $0 + abs($1.0 - $1.1) }
            }
        }
    }

    @Test(arguments: [0, 1, 7]) func sumsOfDifferences(_ rows: Int) throws {
        let logits = try (1...4).map { try Tensor.random([rows, 5], seed: $0) }
        let found = try ConfusionScore.raw(logits), expected = Self.reference(logits)
        #expect(found.count == rows)
        for (a, b) in zip(found, expected) { #expect(abs(Double(a) - b) < 1e-5) }
        // Exits that agree do not confuse.
        let same = try ConfusionScore.raw([logits[0], logits[0]])
        #expect(same == [Float](repeating: 0, count: rows))
    }

    @Test func normalisedByOrdinaryRows() throws {
        let logits = try (1...3).map { try Tensor.random([40, 5], seed: $0) }
        let raw = try ConfusionScore.raw(logits)
        let score = try ConfusionScore(fitting: raw)
        let found = try score.scores(logits)
        let mean = found.reduce(0, +) / 40
        let variance = found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 40
        #expect(abs(mean) < 1e-5 && abs(variance - 1) < 1e-4)
        for (a, b) in zip(found, raw) { #expect(a == (b - score.mean) / score.deviation) }
    }

    @Test func refusesWhatHasNoScore() throws {
        let a = try Tensor.random([2, 3], seed: 1), b = try Tensor.random([2, 4], seed: 1)
        #expect(throws: ProteanError.self) { try ConfusionScore.raw([]) }
        #expect(throws: ProteanError.self) { try ConfusionScore.raw([a, b]) }
        #expect(throws: ProteanError.self) {
            try ConfusionScore.raw([a, try Tensor(shapeOnly: [2, 3])])
        }
        #expect(throws: ProteanError.self) { try ConfusionScore(fitting: []) }
        #expect(throws: ProteanError.self) { try ConfusionScore(fitting: [1, 1]) }
        #expect(throws: ProteanError.self) { try ConfusionScore(mean: .nan, deviation: 1) }
    }
}
