import Foundation
import Testing

@testable import Protean

/// What exits are used for: overthinking, rare classes, noise.
@Suite struct ExitApplicationTests {
    /// Two exits: the first sees the first two of four inputs, the second all of them.
    static func network() throws -> ExitNetwork {
        let early = try Linear(
            weight: try Tensor([4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0], shape: [3, 4]))
        let late = try Linear(
            weight: try Tensor([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 6, 0], shape: [3, 4]))
        return try ExitNetwork(
            stages: [LayerStage(Identity()), LayerStage(Identity())],
            heads: [LayerHead(early), LayerHead(late)])
    }

    @Test func confusionIsTheDistanceFromTheLastExit() throws {
        let exits = [
            try Tensor([0, 0, log(3), 0], shape: [2, 2]),
            try Tensor([0, 0, 0, log(3)], shape: [2, 2]),
        ]
        let scores = try Overthinking.confusion(exits)
        // Row 1: (3/4, 1/4) against (1/4, 3/4).
        #expect(scores[0] == 0 && abs(scores[1] - 1) < 1e-6)
        let report = try Overthinking(exits: exits, labels: [0, 0])
        #expect(report.accuracies == [1, 0.5])
        #expect(report.destructive == 0.5 && report.wasteful == 0.5)
        #expect(report.cumulativeAccuracy == 1)
        #expect(report.confusion == scores)
        expectRefusal(of: "labels") { _ = try Overthinking(exits: exits, labels: [0]) }
        expectRefusal(of: "exits") { _ = try Overthinking.confusion([]) }
        expectMismatch(of: "logits of exit 0") {
            _ = try Overthinking.confusion([try Tensor(zeros: [2, 3]), exits[0]])
        }
    }

    /// Long-tailed toy: two frequent classes that the first exit knows, and a rare one that only
    /// the second can see. One threshold lets rare rows leave early as a frequent class; thresholds
    /// per class that are strict where the rare class hides keep them.
    @Test func thresholdsPerClassSaveRareClasses() throws {
        let network = try Self.network()
        var values: [Float] = [], labels: [Int] = []
        for row in 0..<200 {
            let label = row % 20 == 0 ? 2 : row % 2
            let jitter = CounterRandom.uniform(seed: 3, site: 0, row: row) * 0.1
            // Rare rows look like weak rows of class 0 to the first exit.
            values +=
                label == 2
                ? [0.7 + jitter, 0, 1, 0] : label == 0 ? [1, 0, 0, jitter] : [0, 0.6, 0, 0]
            labels.append(label)
        }
        let x = try Tensor(values, shape: [200, 4])
        func rare(_ policy: ExitPolicy) throws -> (recall: Double, early: Double) {
            let result = try network.dynamic(x, policy: policy)
            let logits = result.logits.elements
            let hits = labels.indices.count {
                labels[$0] == 2
                    && Criterion.predictedClass(logits[$0 * 3..<$0 * 3 + 3]) == 2
            }
            return (Double(hits) / 10, result.shares(of: 2)[0])
        }
        let same = try rare(.threshold(.maximumProbability, [0.8, 0]))
        let own = try rare(.perClass(.maximumProbability, [[0.95, 0.8, 0.8], [0, 0, 0]]))
        #expect(same.recall == 0 && own.recall == 1)
        #expect(same.early == 1 && own.early == 0.95)
    }

    /// More noise, later exits; the draws are those of the seed.
    @Test func exitsUnderNoise() throws {
        let network = try Self.network()
        let rows = (0..<60).flatMap { $0 % 2 == 0 ? [1, 0, 0, 0] : [0, 1, 0, 0] as [Float] }
        let x = try Tensor(rows, shape: [60, 4]), labels = (0..<60).map { $0 % 2 }
        let policy = ExitPolicy.threshold(.maximumProbability, [0.9, 0])
        let levels = try network.exitsUnderNoise(
            x, policy: policy, deviations: [0, 0.3, 1], seed: 4, labels: labels)
        #expect(levels.map(\.deviation) == [0, 0.3, 1])
        #expect(levels[0].shares == [1, 0] && levels[0].accuracy == 1)
        #expect(levels[0].meanExit == 0 && levels[1].meanExit > 0)
        #expect((levels[2].accuracy ?? 1) < 1)
        let table = try network.costs(for: x.shape)
        #expect(levels[0].multiplyAdds == Double(table.exits[0].multiplyAdds))
        let again = try network.exitsUnderNoise(
            x, policy: policy, deviations: [0.3], seed: 4, labels: labels)
        #expect(again[0] == levels[1])
        expectRefusal(of: "deviations") {
            _ = try network.exitsUnderNoise(x, policy: policy, deviations: [-1])
        }
        expectRefusal(of: "labels") {
            _ = try network.exitsUnderNoise(x, policy: policy, deviations: [0], labels: [1])
        }
    }
}
