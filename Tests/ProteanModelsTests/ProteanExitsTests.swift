import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// The embedded network with exits against PyTorch, and its table of thresholds.
@Suite struct ProteanExitsTests {
    private func load() throws -> (model: Model, network: ExitNetwork) {
        let model = try ModelLoader.standard.makeModel("protean_exits")
        return (model, try #require(model.module as? any HasExits).exits)
    }

    @Test func shippedImagesGiveTheGoldenLogitsAtEveryExit() throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/protean_exits.safetensors"))
        let (model, network) = try load()
        let preprocessing = try #require(model.plugin.preprocessing)
        let images = ProteanTiny.demoImages
        let inputs = try images.flatMap {
            try preprocessing.tensor(from: Image.decode($0.png, name: $0.name)).elements
        }
        let x = try Tensor(inputs, shape: [images.count, 28, 28, 1])
        for isa in KernelISA.supported {
            let logits = try Runtime.with(isa: isa) { try network.all(x) }
            #expect(logits.count == 4)
            for (exit, found) in logits.enumerated() {
                let expected = try golden.tensor("logits.\(exit)")
                let largest = expected.elements.map(abs).max() ?? 0
                #expect(try found.maximumDifference(from: expected) < 1e-4 * largest)
            }
        }
        #expect(try model(x).elements == network.all(x)[3].elements)
    }

    @Test func theExitsCostWhatTheirLayersDo() throws {
        let (model, network) = try load()
        let stages = [
            28 * 28 * 9 * 16 + 14 * 14 * 9 * 16 * 24, 2 * 14 * 14 * 9 * 24 * 24,
            7 * 7 * 9 * (24 * 48 + 48 * 48), 2 * 7 * 7 * 9 * 48 * 48,
        ]
        let heads = [7 * 7 * 24 * 10, 7 * 7 * 24 * 10, 480, 480]
        var sum = 0
        let table = try network.costs(for: [1, 28, 28, 1])
        for (exit, cost) in table.exits.enumerated() {
            sum += stages[exit] + heads[exit]
            // What is not a convolution or a product adds nothing.
            #expect(cost.multiplyAdds == sum)
            #expect(cost.head == heads[exit])
        }
        #expect(model.module.parameterCount == 111_624)
    }

    @Test func theTableBelongsToTheWeights() throws {
        let (model, network) = try load()
        let budgets = try #require(try ExitBudgets.embedded(in: model))
        #expect(
            budgets.costs == (try network.costs(for: [1, 28, 28, 1])).exits.map(\.multiplyAdds))
        #expect(budgets.entries.count >= 5)
        #expect(budgets.split == "train images 55000 to 59999" && budgets.samples == 5000)
        #expect(budgets.entries.allSatisfy { abs($0.shares.reduce(0, +) - 1) < 1e-9 })
        let folder = FileManager.default.temporaryDirectory
        let path = folder.appendingPathComponent("\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ProteanExits().save(to: path)
        let other = try ModelLoader.standard.load(path, as: "protean_exits")
        #expect(try ExitBudgets.embedded(in: other) == nil)
        #expect(throws: ProteanError.self) { try budgets.check(for: other, source: "table") }
        let without = try ModelLoader.standard.makeModel("protean_tiny")
        #expect(throws: ProteanError.self) { try budgets.check(for: without, source: "table") }
    }

    @Test(
        .enabled(
            if: TestFiles.exist(TestFiles.fashionMNIST), "dataset-fashion-mnist is not installed"))
    func allTestImagesReachTheStatedAccuracy() throws {
        let (model, network) = try load()
        let images = try LabelledImages(TestFiles.fashionMNIST)
        #expect(images.count == 10_000)
        let preprocessing = try #require(model.plugin.preprocessing)
        let budgets = try #require(try ExitBudgets.embedded(in: model))
        let entry = try budgets.entry(within: budgets.costs[3] / 2)
        var scores = try ExitScores(exits: 4)
        var taken: [Int] = [], executed = 0
        for start in stride(from: 0, to: images.count, by: 500) {
            let range = start..<start + 500
            var values: [Float] = []
            for index in range {
                values += try preprocessing.tensor(from: images.image(index)).elements
            }
            let x = try Tensor(values, shape: [500, 28, 28, 1])
            try scores.append(logits: network.all(x), labels: Array(images.labels[range]))
            let result = try network.dynamic(x, policy: budgets.policy(entry))
            taken += result.exits
            executed += result.executed.reduce(0, +)
        }
        #expect(scores.accuracies[0] >= 0.89)
        #expect(scores.accuracies[3] >= 0.925)
        let outcome = try scores.outcome(thresholds: entry.thresholds, costs: budgets.costs)
        #expect(try scores.exitTaken(with: entry.thresholds) == taken)
        #expect(Double(executed) / 10_000 == outcome.meanCost)
        // What was fitted on images held out of training holds for others.
        #expect(abs(outcome.meanCost / entry.meanCost - 1) < 0.1)
        #expect(abs(outcome.accuracy - entry.accuracy) < 0.015)
        #expect(outcome.counts.allSatisfy { $0 > 0 })
        print(
            "protean_exits: \(scores.accuracies) at the exits, \(outcome.accuracy) for "
                + "\(outcome.meanCost) multiply-adds on average, \(outcome.counts) left")
    }

    @Test func rowsDoNotDependOnTheirBatchOrThreads() throws {
        let (model, network) = try load()
        let budgets = try #require(try ExitBudgets.embedded(in: model))
        let policy = budgets.policy(try budgets.entry(within: budgets.costs[3] / 2))
        let images = ProteanTiny.demoImages
        let preprocessing = try #require(model.plugin.preprocessing)
        let singles = try images.map {
            try preprocessing.tensor(from: Image.decode($0.png, name: $0.name))
        }
        let x = try Tensor(singles.flatMap(\.elements), shape: [images.count, 28, 28, 1])
        for isa in KernelISA.supported {
            let alone = try Runtime.with(isa: isa, threads: 1) {
                try singles.map { try network.dynamic($0, policy: policy) }
            }
            for threads in [1, 2, 3] {
                let all = try Runtime.with(isa: isa, threads: threads) {
                    try network.dynamic(x, policy: policy)
                }
                #expect(all.logits.elements == alone.flatMap(\.logits.elements))
                #expect(all.exits == alone.flatMap(\.exits))
                #expect(all.executed == alone.flatMap(\.executed))
            }
        }
    }
}
