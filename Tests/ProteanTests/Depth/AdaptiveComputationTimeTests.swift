import Foundation
import Testing

@testable import Protean

@Suite struct AdaptiveComputationTimeTests {
    /// Probabilities, and what halting at 0.99 makes of them.
    struct Golden: CustomTestStringConvertible, Sendable {
        let probabilities: [Float]
        let steps: Int
        let weights: [Float]
        let ponder: Float

        var testDescription: String { "\(probabilities)" }
    }

    @Test(arguments: [
        Golden(probabilities: [0.1, 0.3, 0.7], steps: 3, weights: [0.1, 0.3, 0.6], ponder: 3.6),
        Golden(probabilities: [0.995, 0.1, 0.1], steps: 1, weights: [1], ponder: 2),
        Golden(
            probabilities: [0.2, 0.2, 0.2], steps: 4, weights: [0.2, 0.2, 0.2, 0.4], ponder: 4.4),
        Golden(
            probabilities: [0.0474, 0.0474, 0.0474, 0.0474], steps: 5,
            weights: [0.0474, 0.0474, 0.0474, 0.0474, 0.8104], ponder: 5.8104),
    ])
    func theRuleIsThePapers(_ golden: Golden) throws {
        var rule = RowHalting(batch: 1, limit: 1 - 0.01)
        var weights: [Float] = []
        for probability in golden.probabilities where !rule.running.isEmpty {
            weights += try rule.step([probability])
        }
        if !rule.running.isEmpty { weights += try rule.step(nil) }
        #expect(rule.steps == [golden.steps] && rule.running.isEmpty)
        #expect(weights.count == golden.weights.count)
        for (found, wanted) in zip(weights + rule.ponder, golden.weights + [golden.ponder]) {
            #expect(abs(found - wanted) < 1e-6)
        }
    }

    @Test func notANumberHaltsInTheLastStepOnly() throws {
        var rule = RowHalting(batch: 2, limit: 0.99)
        _ = try rule.step([.nan, 1])
        #expect(rule.running.rows == [0])
        _ = try rule.step(nil)
        #expect(rule.running.isEmpty && rule.steps == [2, 1])
        expectRefusal(of: "probabilities") { _ = try rule.step([1]) }
    }

    static func stage(
        _ unit: SkipBlock.Form, stride: Int
    ) throws -> AdaptiveComputationTime {
        let planes = unit == .basic ? 20 : 5
        let stage = try AdaptiveComputationTime(
            inputChannels: 12, planes: planes, units: 4, unit: unit, stride: stride,
            downsample: true)
        try stage.randomise()
        // Norms that centre what they see, so that rows halt after different units.
        var state = try input(7)
        for index in 1...3 {
            let unit = try #require(stage.module(at: "unit_\(index)") as? SkipBlock)
            state = try unit(state)
            let means = try Operations.globalAveragePool(state)
            let norm = try #require(unit.module(at: "halting_proba.bn") as? BatchNorm2d)
            try norm.runningMean.set(Operations.mean(means, axes: [0]))
            try norm.runningVar.set(Operations.variance(means, axes: [0]))
            try norm.weight?.set(Tensor(repeating: 1, shape: [means.shape[1]]))
            let conv = try #require(unit.module(at: "halting_proba.conv") as? Conv2d)
            try conv.bias?.set(Tensor(repeating: -0.5, shape: [1]))
        }
        return stage
    }

    static func input(_ batch: Int) throws -> Tensor {
        let x = try Tensor.random([batch, 7, 5, 12], seed: 9)
        let shifts = (0..<batch).map { Float($0 * 5 % 7) - 3 }
        return try Operations.add(x, Tensor(shifts, shape: [batch, 1, 1, 1]))
    }

    /// The stage from its formulas: every unit for every row, in double precision where it is summed.
    struct Expected {
        var output: [Double] = []
        var ponder: [Double], units: [Int]

        init(_ stage: AdaptiveComputationTime, _ x: Tensor) throws {
            let batch = x.shape[0]
            ponder = .init(repeating: 0, count: batch)
            units = .init(repeating: 0, count: batch)
            var total = [Double](repeating: 0, count: batch),
                rest = [Double](
                    repeating: 1, count: batch)
            var running = [Bool](repeating: true, count: batch)
            var state = x
            for (index, part) in stage.submodules.enumerated() {
                state = try SkipBlockTests.expected(
                    #require(part.module as? SkipBlock), state, runs: true)
                let values = state.elements, each = values.count / max(batch, 1)
                if index == 0 { output = .init(repeating: 0, count: values.count) }
                let halts = try Self.probabilities(part.module, state)
                for row in 0..<batch where running[row] {
                    let h = halts?[row] ?? 1
                    total[row] += h
                    units[row] += 1
                    let last = halts == nil || total[row] >= 1 - Double(stage.epsilon)
                    let weight = last ? rest[row] : h
                    if last {
                        ponder[row] = Double(units[row]) + rest[row]
                        running[row] = false
                    } else {
                        rest[row] -= h
                    }
                    for at in row * each..<(row + 1) * each {
                        output[at] += weight * Double(values[at])
                    }
                }
            }
        }

        static func probabilities(_ unit: any Module, _ x: Tensor) throws -> [Double]? {
            guard let conv = unit.module(at: "halting_proba.conv") as? Conv2d,
                let norm = unit.module(at: "halting_proba.bn") as? BatchNorm2d
            else { return nil }
            let channels = x.shape[3], pixels = x.shape[1] * x.shape[2], values = x.elements
            let (weight, bias) = (conv.weight.value.elements, conv.bias!.value.elements[0])
            let (scale, shift) = try norm.scaleAndShift()
            return (0..<x.shape[0]).map { row in
                var sum = Double(bias)
                for c in 0..<channels {
                    var mean = 0.0
                    for p in 0..<pixels {
                        mean += Double(values[(row * pixels + p) * channels + c])
                    }
                    let normed =
                        mean / Double(pixels) * Double(scale.elements[c])
                        + Double(shift.elements[c])
                    sum += normed * Double(weight[c])
                }
                return 1 / (1 + exp(-sum))
            }
        }
    }

    @Test(arguments: [
        (SkipBlock.Form.basic, 1), (.basic, 2), (.bottleneck, 1), (.bottleneck, 2),
    ])
    func followsTheFormulas(_ unit: SkipBlock.Form, _ stride: Int) throws {
        let stage = try Self.stage(unit, stride: stride)
        for batch in [0, 1, 3, 7] {
            let x = try Self.input(batch)
            let expected = try Expected(stage, x)
            var first: [KernelISA: Tensor] = [:]
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let found = try stage.halting(x)
                    let what = "\(isa) \(threads) batch \(batch)"
                    func worst(_ found: [Float], _ wanted: [Double]) -> Double {
                        zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? 0
                    }
                    #expect(found.units == expected.units, "\(what)")
                    #expect(worst(found.ponderCost, expected.ponder) < 1e-4, "\(what)")
                    #expect(worst(found.output.elements, expected.output) < 1e-3, "\(what)")
                    let counts = found.active.map(\.count)
                    #expect(counts.count == 4 && counts == counts.sorted(by: >))
                    if batch == 7 { #expect(Set(found.units).count > 1, "\(found.units)") }
                    let same = first[isa, default: found.output]
                    #expect(same.isBitEqual(to: found.output), "\(what)")
                    first[isa] = found.output
                    for row in 0..<batch {
                        let alone = try stage(x.sample(row))
                        #expect(try found.output.sample(row).isBitEqual(to: alone), "\(what)")
                    }
                }
            }
        }
    }

    @Test func executedIsWhatConvolutionsCount() throws {
        let stage = try Self.stage(.basic, stride: 2)
        stage.assignLabels(prefix: "block2")
        let x = try Self.input(7)
        let (trace, decisions) = (Trace(), DecisionTrace())
        let found = try decisions.recording { try trace.recording { try stage.halting(x) } }
        let counted = trace.events.filter { $0.layer == "Conv2d" }
            .reduce(0) { $0 + $1.cost.multiplyAdds }
        #expect(trace.totalCost.executedMultiplyAdds == counted)
        #expect(trace.totalCost.multiplyAdds == (try stage.cost(for: x.shape).multiplyAdds))
        #expect(counted < trace.totalCost.multiplyAdds)
        // 20 channels on 4 × 3 pixels; the first unit reads 12 channels and has a shortcut.
        let unit = 12 * 2 * 9 * 20 * 20, head = 20
        let first = 12 * (9 * 12 * 20 + 9 * 20 * 20 + 12 * 20)
        let rows = found.active.map(\.count)
        let later = rows.dropFirst().reduce(0, +)
        #expect(counted == rows[0] * first + later * unit + rows.dropLast().reduce(0, +) * head)
        #expect(
            decisions.entries.map(\.site)
                == (1...3).map { "block2.unit_\($0).halting_proba" })
        let goOn = decisions.entries[0].choice.rows(choosing: 1)
        #expect(goOn == found.active[1])
    }

    @Test func aShapeAloneRunsEverything() throws {
        let stage = try AdaptiveComputationTime(inputChannels: 16, planes: 4, units: 3)
        let found = try stage.executed(Tensor(shapeOnly: [2, 5, 6, 16]))
        #expect(found.output.shape == [2, 5, 6, 16] && found.output.isShapeOnly)
        #expect(found.decision == [RowPlan](repeating: RowPlan(all: 2), count: 3))
        let unit = 16 * 4 + 9 * 4 * 4 + 4 * 16
        #expect(found.cost.multiplyAdds == 60 * 3 * unit + 2 * 2 * 16)
        let one = try AdaptiveComputationTime(inputChannels: 16, planes: 4, units: 1)
        let x = try Tensor.random([2, 5, 6, 16])
        let unitAlone = try SkipBlockTests.expected(
            #require(one.submodules[0].module as? SkipBlock), x, runs: true)
        #expect(try one(x).maximumDifference(from: unitAlone) == 0)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        typealias Stage = AdaptiveComputationTime
        expectRefusal(of: "units") { _ = try Stage(inputChannels: 16, planes: 4, units: 0) }
        expectRefusal(of: "epsilon") {
            _ = try Stage(inputChannels: 16, planes: 4, units: 2, epsilon: 1)
        }
        expectRefusal(of: "downsample") {
            _ = try Stage(inputChannels: 16, planes: 4, units: 2, stride: 2)
        }
        expectRefusal(of: "planes") { _ = try Stage(inputChannels: 16, planes: 0, units: 2) }
        let stage = try Stage(inputChannels: 16, planes: 4, units: 2)
        expectMismatch(of: "x") { _ = try stage(Tensor(zeros: [1, 5, 5, 15])) }
        expectMismatch(of: "x") { _ = try stage(Tensor(zeros: [1, 0, 5, 16])) }
    }
}
