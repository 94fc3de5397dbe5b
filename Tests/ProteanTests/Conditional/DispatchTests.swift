import Testing

@testable import Protean

@Suite("Dispatch: each row runs the parts that it chose")
struct DispatchTests {
    private func parts(_ count: Int, channels: Int = 12) throws -> [any Layer] {
        try (0..<count).map {
            try Conv2d(
                inputChannels: channels, outputChannels: channels, kernelSize: 3, padding: 1,
                seed: UInt64($0))
        }
    }

    private func gate(_ channels: Int, _ actions: Int) throws -> LayerDecisionGate {
        LayerDecisionGate(
            try Sequential([
                GlobalAveragePool2d(), Flatten(),
                try Linear(
                    inputFeatures: channels, outputFeatures: actions, bias: false, seed: 99),
            ]))
    }

    @Test(arguments: [
        (Rule.argmax, Dispatch.Combine.replace), (.top(2), .sum), (.above(0), .sum),
        (.above(0), .pass), (.nonzero, .pass), (.fixed([0, 2]), .sum),
    ])
    func rowsGetTheBitsTheyWouldGetAlone(_ rule: Rule, _ combine: Dispatch.Combine) throws {
        let parts = try parts(3)
        let layer = try Dispatch(
            parts: parts, gate: try gate(12, 3), rule: rule, combine: combine)
        let x = try Tensor.random([7, 5, 6, 12], seed: 4)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let y = try layer(x)
                for row in 0..<7 {
                    #expect(try y.sample(row).isBitEqual(to: try layer(try x.sample(row))))
                }
            }
        }
        #expect(try layer(try Tensor(zeros: [0, 5, 6, 12])).shape == [0, 5, 6, 12])
        #expect(try layer.outputShape(for: [2, 5, 6, 12]) == [2, 5, 6, 12])
    }

    @Test func equalsTheDenseSumAndCountsWhatRan() throws {
        let parts = try parts(3), gate = try gate(12, 3)
        let layer = try Dispatch(parts: parts, gate: gate, rule: .above(0), combine: .sum)
        let x = try Tensor.random([9, 5, 6, 12], seed: 6)
        let choice = try Rule.above(0).choose(try gate.scores(x))
        let (y, cost) = try Trace.measuring { () throws(ProteanError) in try layer(x) }
        var expected = [Double](repeating: 0, count: y.count)
        for (index, part) in parts.enumerated() {
            let all = try part(x).elements, size = y.count / 9
            for row in choice.rows(choosing: index).rows {
                for at in row * size..<(row + 1) * size { expected[at] += Double(all[at]) }
            }
        }
        let worst = zip(y.elements, expected).map { abs(Double($0) - $1) }.max()!
        #expect(worst < 1e-5)
        let calls = choice.picks.reduce(0) { $0 + $1.count }
        #expect(calls > 0 && calls < 27)
        #expect(cost.executedMultiplyAdds == calls * 30 * 9 * 144 + 9 * 12 * 3)
    }

    @Test func passesRowsThatChoseNothing() throws {
        let layer = try Dispatch(
            parts: try parts(1), gate: try gate(12, 1), rule: .above(.infinity), combine: .pass)
        let x = try Tensor.random([3, 5, 6, 12], seed: 7)
        #expect(try layer(x).isBitEqual(to: x))
        let zero = try Dispatch(
            parts: try parts(1), gate: try gate(12, 1), rule: .above(.infinity), combine: .sum)
        #expect(try zero(x).elements.allSatisfy { $0 == 0 })
    }

    @Test func refusesDecisionsThatDoNotFit() throws {
        let x = try Tensor.random([3, 5, 6, 12], seed: 7)
        let replace = try Dispatch(
            parts: try parts(2), gate: try gate(12, 2), rule: .fixed([0, 1]), combine: .replace)
        #expect(throws: ProteanError.self) { try replace(x) }
        let few = try Dispatch(
            parts: try parts(2), gate: try gate(12, 1), rule: .argmax, combine: .replace)
        #expect(throws: ProteanError.self) { try few(x) }
        #expect(throws: ProteanError.self) {
            try Dispatch(parts: [], gate: try gate(12, 1), rule: .argmax, combine: .sum)
        }
    }

    @Test func nestedDecisionsKeepOriginalRows() throws {
        let inner = try Dispatch(
            parts: try parts(2), gate: try gate(12, 2), rule: .argmax, combine: .replace)
        inner.label?.assign("inner")
        let outer = try Dispatch(
            parts: [inner], gate: try gate(12, 1), rule: .above(0), combine: .pass)
        outer.label?.assign("outer")
        let x = try Tensor.random([8, 5, 6, 12], seed: 17)
        let trace = DecisionTrace()
        let y = try trace.recording { () throws(ProteanError) in try outer(x) }
        let entries = trace.entries
        #expect(entries.map(\.site) == ["outer", "inner"])
        #expect(entries[1].rows == entries[0].choice.rows(choosing: 0))
        #expect(!entries[1].rows.isComplete && !entries[1].rows.isEmpty)
        let again = try DecisionSource.with(.table(trace.table)) { () throws(ProteanError) in
            try outer(x)
        }
        #expect(again.isBitEqual(to: y))
    }
}
