import Foundation
import Testing

@testable import Protean

/// The table of thresholds: its text, its model, and what is refused.
@Suite struct ExitBudgetsTests {
    /// A network of two exits on two features.
    private struct Plugin: ModelPlugin {
        var name = "two_exits"
        let summary = "two exits"
        let inputShape = [1, 2]
        var classes = 3

        func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
            try ExitNetwork(
                stages: [
                    LayerStage(try Linear(inputFeatures: 2, outputFeatures: 4)),
                    LayerStage(try Linear(inputFeatures: 4, outputFeatures: 4)),
                ],
                heads: [
                    LayerHead(try Linear(inputFeatures: 4, outputFeatures: classes)),
                    LayerHead(try Linear(inputFeatures: 4, outputFeatures: classes)),
                ])
        }
    }

    private func model(_ plugin: Plugin = Plugin()) throws -> Model {
        try ModelLoader(registry: ModelRegistry([plugin])).makeModel(plugin.name)
    }

    private func table(for model: Model) throws -> ExitBudgets {
        let cheap = ExitOutcome(counts: [9, 1], right: [8, 1], costs: [20, 48])
        let dear = ExitOutcome(counts: [2, 8], right: [2, 7], costs: [20, 48])
        return try ExitBudgets(
            model: model.plugin.name, fingerprint: model.module.fingerprint,
            criterion: .agreement(tolerance: 0.1), split: "a \"split\"", seed: 7, samples: 10,
            costs: [20, 48],
            entries: [
                .init(thresholds: [0.1 + 0.2, -1e8], outcome: dear),
                .init(thresholds: [.leastNonzeroMagnitude, -1e8], outcome: cheap),
            ])
    }

    @Test func whatIsWrittenIsRead() throws {
        let made = try model()
        let budgets = try table(for: made)
        #expect(budgets.entries.map(\.meanCost) == [22.8, 42.4])
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try budgets.write(to: path)
        #expect(try ExitBudgets.read(path, for: made) == budgets)
        #expect(try ExitBudgets(json: Array(budgets.json.utf8), source: "x").json == budgets.json)
        #expect(
            budgets.policy(budgets.entries[1])
                == .threshold(.agreement(tolerance: 0.1), [0.3, -1e8]))
    }

    @Test func theDearestEntryWithinABudgetIsTaken() throws {
        let budgets = try table(for: model())
        #expect(try budgets.entry(within: 23) == budgets.entries[0])
        #expect(try budgets.entry(within: 42) == budgets.entries[0])
        #expect(try budgets.entry(within: 43) == budgets.entries[1])
        #expect(
            throws: ProteanError.invalidOption(
                layer: "ExitBudgets", option: "budget",
                expected: "at least 23 multiply-adds, the cheapest entry's mean", found: "22")
        ) { try budgets.entry(within: 22) }
    }

    /// The option that a refusal names.
    private func refused(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing"
        } catch ProteanError.invalidOption(_, let option, _, _) {
            return option
        } catch ProteanError.weightFile {
            return "file"
        } catch {
            return "\(error)"
        }
    }

    @Test func aTableOfAnotherModelIsRefused() throws {
        let made = try model()
        let budgets = try table(for: made)
        try budgets.check(for: made, source: "t")
        var plugin = Plugin()
        plugin.name = "other"
        let other = try model(plugin)
        #expect(refused { try budgets.check(for: other, source: "t") } == "model")
        // The same network with one value changed.
        let changed = try model()
        let parameter = changed.module.allParameters()[0].parameter
        var values = parameter.value.elements
        values[0] = values[0].nextUp
        try parameter.set(Tensor(values, shape: parameter.shape))
        #expect(refused { try budgets.check(for: changed, source: "t") } == "fingerprint")
        plugin = Plugin()
        plugin.classes = 4
        let wider = try model(plugin)
        #expect(refused { try budgets.check(for: wider, source: "t") } == "fingerprint")
    }

    @Test(arguments: [
        ("\"format\": \"protean-exit-budgets\"", "\"format\": \"other\"", "format"),
        ("\"version\": 1", "\"version\": 2", "format"),
        ("agreement:0.1", "agreement:-1", "criterion"),
        ("agreement:0.1", "confidence", "criterion"),
        ("\"samples\": 10", "\"samples\": \"ten\"", "samples"),
        ("\"samples\": 10,", "", "samples"),
        ("[20, 48]", "[20, 48, 50]", "budgets[0].thresholds"),
        ("\"budgets\": [", "\"budgets\": [3, ", "budgets"),
        ("\"budgets\": [", "\"other\": [", "budgets"),
        ("{", "[", "file"),
    ]) func damagedTextIsRefused(part: String, replacement: String, option: String) throws {
        let text = try table(for: model()).json
        let range = try #require(text.range(of: part))
        let damaged = text.replacingCharacters(in: range, with: replacement)
        #expect(refused { _ = try ExitBudgets(json: Array(damaged.utf8), source: "f") } == option)
    }

    @Test func tablesThatDoNotFitAreRefused() throws {
        func make(_ thresholds: [[Float]]) throws {
            let outcome = ExitOutcome(counts: [1, 1], right: [1, 1], costs: [1, 2])
            _ = try ExitBudgets(
                model: "m", fingerprint: "f", criterion: .margin, split: "s", samples: 2,
                costs: [1, 2], entries: thresholds.map { .init(thresholds: $0, outcome: outcome) })
        }
        #expect(refused { try make([]) } == "budgets")
        #expect(refused { try make([[1, 2], [1]]) } == "budgets[1].thresholds")
        #expect(refused { try make([[.nan, 1]]) } == "budgets[0].thresholds")
    }

    @Test func criteriaHaveNames() {
        let all: [Criterion] = [
            .maximumProbability, .entropy, .normalizedEntropy, .margin, .patience, .accept,
            .agreement(tolerance: 0.25),
        ]
        for criterion in all { #expect(Criterion(criterion.description) == criterion) }
        #expect(Set(all.map(\.description)).count == all.count)
        for text in ["", "agreement", "agreement:", "agreement:nan", "agreement:inf", "Entropy"] {
            #expect(Criterion(text) == nil)
        }
    }

    @Test func scoresComeFromLogits() throws {
        var scores = try ExitScores(exits: 2, criterion: .patience)
        let first = try Tensor([1, 2, 5, 0], shape: [2, 2])
        let second = try Tensor([0, 3, 0, 1], shape: [2, 2])
        try scores.append(logits: [first, second], labels: [1, 1])
        #expect(scores.classes == [[1, 0], [1, 1]])
        #expect(scores.scores == [[0, 0], [1, 0]])
        #expect(scores.accuracies == [0.5, 1] && scores.agreementWithLast == [0.5, 1])
        let copy = scores
        #expect(throws: ProteanError.self) { try scores.append(logits: [first], labels: [1, 1]) }
        #expect(throws: ProteanError.self) {
            try scores.append(logits: [first, second], labels: [1])
        }
        #expect(scores == copy)
        #expect(throws: ProteanError.self) { try ExitScores(exits: 0) }
    }
}
