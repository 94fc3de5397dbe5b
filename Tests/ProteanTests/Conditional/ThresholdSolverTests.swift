import Testing

@testable import Protean

/// Thresholds against those of MSDNet's script `adaptive_inference.py`.
@Suite struct ThresholdSolverTests {
    /// Three exits, eight samples; the classes are right where the label is 0.
    private static let confidences: [[Float]] = [
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.34],
        [0.95, 0.85, 0.55, 0.9, 0.65, 0.45, 0.5, 0.4],
        [0.99, 0.9, 0.8, 0.95, 0.7, 0.6, 0.55, 0.5],
    ]
    private static let costs = [10, 20, 40]

    private func scores(
        _ values: [[Float]] = confidences, classes: [[Int]]? = nil, labels: [Int]? = nil,
        _ criterion: Criterion = .maximumProbability
    ) throws -> ExitScores {
        let zeros = [Int](repeating: 0, count: values[0].count)
        return try ExitScores(
            scores: values, classes: classes ?? values.map { _ in zeros }, labels: labels ?? zeros,
            criterion: criterion)
    }

    @Test(
        arguments: [
            (0.25, [0.7619, 0.1905, 0.0476], [0.40, 0.50], 15.0),
            (0.5, [0.5714, 0.2857, 0.1429], [0.60, 0.50], 20.0),
            (1.0, [0.3333, 0.3333, 0.3333], [0.80, 0.65], 27.5),
            (1.5, [0.2105, 0.3158, 0.4737], [0.90, 0.85], 31.25),
            (1.95, [0.1481, 0.2888, 0.5631], [0.90, 0.85], 31.25),
        ] as [(Double, [Double], [Float], Double)])
    func geometricSharesGiveTheScriptsThresholds(
        q: Double, shares: [Double], thresholds: [Float], cost: Double
    ) throws {
        let found = ThresholdSolver.geometricShares(q, exits: 3)
        for (a, b) in zip(found, shares) { #expect(abs(Double(a) - b) < 5e-5) }
        let heldOut = try scores()
        let solved = try ThresholdSolver(heldOut, costs: Self.costs).geometric(q)
        #expect(solved == thresholds + [-1e8])
        let outcome = try heldOut.outcome(thresholds: solved, costs: Self.costs)
        #expect(outcome.meanCost == cost)
    }

    /// MSDNet's own functions on 300 made-up samples, `generate/exit_thresholds.py`.
    @Test(arguments: ["plain", "tied"]) func theScriptFindsTheSame(name: String) throws {
        let golden = try Checkpoint.open(
            GoldenFiles.path("conditional/exit_thresholds.safetensors"))
        func rows(_ tensor: String) throws -> [[Float]] {
            let values = try golden.tensor("\(name).\(tensor)")
            let (width, elements) = (values.shape[1], values.elements)
            return (0..<values.shape[0]).map { Array(elements[$0 * width..<($0 + 1) * width]) }
        }
        let heldOut = try ExitScores(
            scores: try rows("scores"), classes: try rows("classes").map { $0.map { Int($0) } },
            labels: try golden.tensor("\(name).labels").elements.map { Int($0) })
        let solver = try ThresholdSolver(heldOut, costs: [10, 25, 45, 80])
        let curve = try TradeOffCurve(solver, test: heldOut)
        let thresholds = try rows("thresholds")
        let costs = try golden.tensor("\(name).costs").elements
        let accuracies = try golden.tensor("\(name).accuracy").elements
        #expect(curve.points.count == 39 && thresholds.count == 39)
        for (index, point) in curve.points.enumerated() {
            #expect(point.thresholds == thresholds[index], "q \(point.parameter)")
            #expect(abs(point.test.meanCost - Double(costs[index])) < 1e-4)
            #expect(abs(point.test.accuracy - Double(accuracies[index])) < 1e-6)
        }
    }

    @Test func anEntropySolvesAsItsNegative() throws {
        let entropies = Self.confidences.map { $0.map { 1 - $0 } }
        let heldOut = try scores(entropies, .entropy)
        let larger = try scores(entropies.map { $0.map { -$0 } })
        for p in 1...39 {
            let smaller = try ThresholdSolver(heldOut, costs: Self.costs).geometric(Double(p) / 20)
            let other = try ThresholdSolver(larger, costs: Self.costs).geometric(Double(p) / 20)
            #expect(
                try heldOut.exitTaken(with: smaller) == larger.exitTaken(with: other), "p \(p)")
            #expect(smaller[2] == 1e8)
        }
    }

    @Test func whatTheScriptDoesAtItsEdges() throws {
        // Nobody shall leave: ⌊8 · 0.1⌋ = 0.
        let solver = try ThresholdSolver(scores(), costs: Self.costs)
        #expect(try solver.thresholds(shares: [0.1, 0.5, 0.4]) == [1e8, 0.65, -1e8])
        // More shall leave than are left: the second exit keeps its threshold.
        #expect(try solver.thresholds(shares: [0.75, 0.5, 0]) == [0.4, 1e8, -1e8])
        // Equal scores leave together: six instead of two.
        let tied = try scores([
            [0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.1, 0.1], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.4],
        ])
        let tiedSolver = try ThresholdSolver(tied, costs: [1, 2])
        let thresholds = try tiedSolver.thresholds(shares: [0.25, 0.75])
        #expect(thresholds == [0.7, -1e8])
        #expect(try tied.outcome(thresholds: thresholds, costs: [1, 2]).counts == [6, 2])
    }

    @Test func everyoneAboveLeavesEvenWhoHadLeft() throws {
        // The first exit takes sample 0; at the second, samples 1 and 0 pass, and 0 is not counted.
        let heldOut = try scores([
            [0.9, 0.2, 0.3, 0.1], [0.5, 0.8, 0.6, 0.4], [0, 0, 0, 0],
        ])
        let solver = try ThresholdSolver(heldOut, costs: Self.costs)
        let thresholds = try solver.thresholds(shares: [0.25, 0.5, 0.25])
        #expect(thresholds == [0.9, 0.6, -1e8])
        #expect(try heldOut.exitTaken(with: thresholds) == [0, 1, 1, 2])
    }

    @Test func notANumberNeverLeaves() throws {
        for criterion in [Criterion.margin, .normalizedEntropy] {
            let heldOut = try scores([[.nan, 0.5, .nan, 0.25], [0, .nan, 0, 0]], criterion)
            let solver = try ThresholdSolver(heldOut, costs: [1, 3])
            let thresholds = try solver.thresholds(shares: [0.5, 0.5])
            #expect(try heldOut.exitTaken(with: thresholds) == [1, 0, 1, 0])
            // Three of four shall leave, but two have no score.
            let unmet = try solver.thresholds(shares: [0.75, 0.25])
            #expect(unmet[0] == heldOut.nobody)
        }
    }

    @Test func aBudgetIsKeptAndUsed() throws {
        let heldOut = try scores()
        let solver = try ThresholdSolver(heldOut, costs: Self.costs)
        var last = 0.0
        for budget in [10, 11, 15, 20, 28, 31, 39, 40, 1000] {
            let thresholds = try solver.budget(multiplyAdds: budget)
            let cost = try heldOut.outcome(thresholds: thresholds, costs: Self.costs).meanCost
            #expect(cost <= Double(budget))
            #expect(cost >= last)
            last = cost
        }
        #expect(try solver.budget(multiplyAdds: 10) == [-1e8, -1e8, -1e8])
        #expect(try solver.budget(multiplyAdds: 40) == [1e8, 1e8, -1e8])
        #expect(last == 40)
        #expect(
            throws: ProteanError.invalidOption(
                layer: "ThresholdSolver", option: "budget",
                expected: "at least 10 multiply-adds, the first exit's cost", found: "9")
        ) { try solver.budget(multiplyAdds: 9) }
    }

    @Test func badInputIsRefused() throws {
        #expect(throws: ProteanError.self) {
            try ExitScores(scores: [], classes: [], labels: [])
        }
        #expect(throws: ProteanError.self) {
            try ExitScores(scores: [[1, 2]], classes: [[1]], labels: [1, 2])
        }
        #expect(throws: ProteanError.self) {
            try ExitScores(scores: [[1]], classes: [[1], [1]], labels: [1])
        }
        let heldOut = try scores()
        #expect(throws: ProteanError.self) { try ThresholdSolver(heldOut, costs: [1, 2]) }
        #expect(throws: ProteanError.self) { try ThresholdSolver(heldOut, costs: [1, 3, 2]) }
        #expect(throws: ProteanError.self) { try heldOut.exitTaken(with: [1]) }
        #expect(throws: ProteanError.self) {
            try heldOut.outcome(thresholds: [1, 1, 1], costs: [1])
        }
        let empty = try ExitScores(scores: [[], []], classes: [[], []], labels: [])
        #expect(throws: ProteanError.self) { try ThresholdSolver(empty, costs: [1, 2]) }
        let solver = try ThresholdSolver(heldOut, costs: Self.costs)
        for q in [0, -1, Double.nan, .infinity] {
            #expect(throws: ProteanError.self) { try solver.geometric(q) }
        }
        #expect(throws: ProteanError.self) { try solver.thresholds(shares: [0.5, 0.5]) }
        #expect(throws: ProteanError.self) { try solver.thresholds(shares: [2, 0, 0]) }
        #expect(throws: ProteanError.self) {
            try TradeOffCurve(solver, test: heldOut, method: .geometric(count: 0))
        }
    }

    @Test func curvesHaveTheScriptsPoints() throws {
        let classes = [
            [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1],
        ]
        let heldOut = try scores(classes: classes)
        let solver = try ThresholdSolver(heldOut, costs: Self.costs)
        let curve = try TradeOffCurve(solver, test: heldOut)
        #expect(curve.points.count == 39)
        #expect(curve.points.map(\.parameter) == (1...39).map { Double($0) / 20 })
        #expect(curve.points[19].test.meanCost == 27.5)
        #expect(curve.points[19].thresholds == [0.8, 0.65, -1e8])
        #expect(
            try TradeOffCurve(solver, test: heldOut, method: .geometric(count: 40)).points.count
                == 40)
        let grid = try TradeOffCurve(solver, test: heldOut, method: .grid([0.6, 2]))
        #expect(grid.points[0].test.counts == [4, 1, 3])
        #expect(grid.points[1].test.counts == [0, 0, 8])
    }

    @Test func aFlatCurveShowsTheBestPointBefore() throws {
        // Held out: the first exit is better than the second. Test: the other way round.
        let values: [[Float]] = [[0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1]]
        let heldOut = try scores(
            values, classes: [[0, 0, 0, 0], [0, 0, 1, 1]], labels: [0, 0, 0, 0])
        let test = try scores(
            values, classes: [[0, 0, 1, 1], [0, 0, 0, 0]], labels: [0, 0, 0, 0])
        let solver = try ThresholdSolver(heldOut, costs: [1, 2])
        let shares = [[1.0, 0], [0.5, 0.5], [0, 1]]
        let plain = try TradeOffCurve(solver, test: test, method: .shares(shares))
        #expect(plain.points.map(\.accuracy) == [0.5, 1, 1])
        let flat = try TradeOffCurve(solver, test: test, method: .shares(shares), flat: true)
        #expect(flat.points.map(\.accuracy) == [0.5, 0.5, 0.5])
        #expect(flat.points.map(\.test.accuracy) == [0.5, 1, 1])
        #expect(flat.isFlat && !plain.isFlat)
    }

    @Test func aStaircaseTakesTheDeepestExitThatFits() throws {
        let stairs = try AnytimeStaircase(costs: [10, 20, 40], accuracies: [0.5, 0.4, 0.9])
        #expect(stairs.accuracy(within: 9) == nil)
        #expect(stairs.accuracy(within: 10) == 0.5)
        // The deepest, even if it is not the best.
        #expect(stairs.accuracy(within: 39) == 0.4)
        #expect(stairs.accuracy(within: 40) == 0.9)
        #expect(throws: ProteanError.self) {
            try AnytimeStaircase(costs: [2, 1], accuracies: [0, 0])
        }
    }

    @Test func theGapOfSharesIsMeasured() throws {
        let a = ExitOutcome(counts: [6, 2, 2], right: [6, 1, 1], costs: [1, 2, 4])
        let b = ExitOutcome(counts: [10, 5, 5], right: [5, 5, 5], costs: [1, 2, 4])
        let gap = try ExitShareGap(from: a, to: b)
        #expect(zip(gap.differences, [0.1, -0.05, -0.05]).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(abs(gap.total - 0.1) < 1e-12)
        #expect(abs(gap.meanCost - (1.8 - 2.0)) < 1e-12)
        #expect(a.accuracy == 0.8 && a.accuracies == [1, 0.5, 0.5])
        let other = ExitOutcome(counts: [1], right: [1], costs: [1])
        #expect(throws: ProteanError.self) { try ExitShareGap(from: a, to: other) }
    }
}
