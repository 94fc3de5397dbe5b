import Testing

@testable import Protean

/// ``ACTCell`` against its formulas in double precision, each row by itself
/// (Tests/Golden/generate/recurrent_models.py).
@Suite struct ACTCellTests {
    static func cell(_ count: ACTCell.PonderCount = .all) throws -> ACTCell {
        try ACTCell(cell: LSTMCell(inputSize: 4, hiddenSize: 5), limit: 7, count: count)
    }

    @Test func agreesWithTheReference() throws {
        let golden = try RecurrentGolden("recurrent/act_lstm.safetensors")
        let x = try golden.input("x"), y = try golden.output("y")
        let ponder = try golden.output("ponder").elements.map(Double.init)
        let applications = try golden.output("applications").elements.map { Int($0) }
        let totals = (0..<4).map { row in ponder[row * 6..<(row + 1) * 6].reduce(0, +) }
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let act = try Self.cell()
                try golden.load(into: act)
                let result = try SequenceRunner(cells: [act], policy: ReadEverything())
                    .run(TensorSequence(x))
                MapTest.expect(
                    try #require(result.output), shape: y.shape, y.elements.map(Double.init),
                    tolerance: 1e-5, "\(isa)")
                let costs = result.state[2].elements
                for row in 0..<4 {
                    #expect(abs(Double(costs[2 * row + 1]) - totals[row]) < 1e-4, "\(isa)")
                    #expect(abs(Double(costs[2 * row]) - ponder[row * 6 + 5]) < 1e-5)
                    let each = 4 * 5 * (4 + 5) + 5
                    let count = applications[row * 6..<(row + 1) * 6].reduce(0, +)
                    #expect(result.executed[row] == count * each)
                }
            }
        }
    }

    @Test func onlyRowsThatGoOnAreComputed() throws {
        let golden = try RecurrentGolden("recurrent/act_lstm.safetensors")
        let inner = CountingCell(try LSTMCell(inputSize: 4, hiddenSize: 5))
        let act = try ACTCell(cell: inner, limit: 7)
        for named in act.allParameters() {
            try named.parameter.set(golden.file.tensor("weights." + named.name))
        }
        for named in inner.inner.allParameters() {
            try named.parameter.set(golden.file.tensor("weights.cell." + named.name))
        }
        let trace = Trace()
        let x = try TensorSequence(golden.input("x"))
        let result = try trace.recording {
            try SequenceRunner(cells: [act], policy: ReadEverything()).run(x)
        }
        let applications = try golden.output("applications").elements.reduce(0, +)
        #expect(inner.rows.value == Int(applications))
        #expect(result.executed.reduce(0, +) == trace.totalCost.multiplyAdds)
    }

    @Test func theOtherCountOfApplicationsIsOneLess() throws {
        let golden = try RecurrentGolden("recurrent/act_lstm.safetensors")
        let x = try Operations.slice(golden.input("x"), [.all, AxisSlice(0..<1)])
            .reshaped(to: [4, 3])
        let (all, less) = (try Self.cell(), try Self.cell(.beforeLast))
        try golden.load(into: all)
        try golden.load(into: less)
        var executed = [0, 0, 0, 0]
        let a = try all.step(x, all.zeroState(batch: 4), executed: &executed)
        let b = try less.step(x, less.zeroState(batch: 4), executed: &executed)
        #expect(a[0].isBitEqual(to: b[0]))
        for row in 0..<4 {
            #expect(abs(a[2].elements[2 * row] - 1 - b[2].elements[2 * row]) < 1e-6)
        }
    }

    @Test(arguments: [0, 1, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let golden = try RecurrentGolden("recurrent/act_lstm.safetensors")
        let act = try Self.cell()
        try golden.load(into: act)
        let runner = try SequenceRunner(cells: [act], policy: ReadEverything())
        let x = try Tensor.random([batch, 4, 3], seed: 3)
        try MapTest.everywhere {
            let all = try runner.run(TensorSequence(x))
            for row in 0..<batch where row % 4 == 0 {
                let alone = try runner.run(TensorSequence(x.sample(row)))
                try SequenceRunnerTests.expectRow(row, of: all, is: alone, "row \(row)")
            }
            return all.state[0]
        } check: { _, _ in
        }
    }

    @Test func notANumberEndsAndBadOptionsAreRefused() throws {
        let act = try Self.cell()
        var executed = [0, 0]
        let x = try Tensor([.nan, 0, 0, 1, 1, 1], shape: [2, 3])
        let state = try act.step(x, act.zeroState(batch: 2), executed: &executed)
        #expect(state[0].elements[..<5].allSatisfy { $0.isNaN })
        #expect(state[0].elements[5...].allSatisfy { $0.isFinite })
        let cell = try LSTMCell(inputSize: 4, hiddenSize: 5)
        #expect(throws: ProteanError.self) { try ACTCell(cell: cell, epsilon: 1) }
        #expect(throws: ProteanError.self) { try ACTCell(cell: cell, limit: 0) }
        #expect(throws: ProteanError.self) {
            try ACTCell(cell: LSTMCell(inputSize: 1, hiddenSize: 5))
        }
    }
}
