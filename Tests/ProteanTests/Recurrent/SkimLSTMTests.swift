import Testing

@testable import Protean

/// ``SkimLSTM`` against its formulas in double precision, with both cells computed for every step
/// (Tests/Golden/generate/recurrent_models.py).
@Suite struct SkimLSTMTests {
    static func network() throws -> SkimLSTM {
        let network = try SkimLSTM(inputSize: 4, hiddenSize: 7, smallSize: 3)
        try RecurrentGolden("recurrent/skim_lstm.safetensors").load(into: network)
        return network
    }

    @Test func agreesWithTheReference() throws {
        let golden = try RecurrentGolden("recurrent/skim_lstm.safetensors")
        let network = try Self.network()
        let choices = try golden.output("choices").elements.map { StepAction.run(cell: Int($0)) }
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let result = try network.runner.run(TensorSequence(golden.input("x")))
                #expect(result.decisions.flatMap { $0.map(\.action) } == choices)
                let y = try golden.output("y"), c = try golden.output("c")
                MapTest.expect(
                    try #require(result.output), shape: y.shape, y.elements.map(Double.init),
                    tolerance: 1e-5, "\(isa)")
                MapTest.expect(
                    result.state[1], shape: c.shape, c.elements.map(Double.init),
                    tolerance: 1e-5, "\(isa)")
            }
        }
    }

    @Test func onlyTheChosenCellRuns() throws {
        let golden = try RecurrentGolden("recurrent/skim_lstm.safetensors")
        let network = try Self.network()
        let trace = Trace()
        let x = try TensorSequence(golden.input("x"))
        let result = try trace.recording { try network.runner.run(x) }
        #expect(result.executed.reduce(0, +) == trace.totalCost.multiplyAdds)
        let choices = try golden.output("choices").elements.map { Int($0) }
        let cost = [4 * 7 * 11, 4 * 3 * 7]
        for row in 0..<3 {
            let own = choices[row * 12..<(row + 1) * 12].reduce(0) { $0 + cost[$1] + 2 * 18 }
            #expect(result.executed[row] == own)
        }
        #expect(
            network.allParameters().map(\.name).filter { $0.hasPrefix("l") } == [
                "large_rnn.weight_ih", "large_rnn.weight_hh", "large_rnn.bias_ih",
                "large_rnn.bias_hh", "linear.weight", "linear.bias",
            ])
    }

    @Test(arguments: [0, 1, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let network = try Self.network()
        let x = try Tensor.random([batch, 8, 4], seed: 3)
        let lengths = (0..<batch).map { $0 * 5 % 9 }
        try MapTest.everywhere {
            let all = try network.runner.run(TensorSequence(x), lengths: lengths)
            for row in 0..<batch where row % 4 == 0 {
                let alone = try network.runner.run(
                    TensorSequence(x.sample(row)), lengths: [lengths[row]])
                try SequenceRunnerTests.expectRow(row, of: all, is: alone, "row \(row)")
            }
            return all.state[0]
        } check: { _, _ in
        }
    }

    @Test func samplingIsTheSameForARowInAnyBatch() throws {
        let network = try SkimLSTM(
            inputSize: 4, hiddenSize: 7, smallSize: 3, rule: .sample(seed: 4, site: 1))
        let x = try Tensor.random([5, 8, 4], seed: 3)
        let all = try network.runner.run(TensorSequence(x))
        let again = try network.runner.run(TensorSequence(x))
        #expect(all.decisions == again.decisions)
        let kinds = Set(all.decisions.flatMap { $0.map(\.action) })
        #expect(kinds == [.run(cell: 0), .run(cell: 1)])
    }

    @Test func notANumberStaysInItsRowAndBadOptionsAreRefused() throws {
        let network = try Self.network()
        var values = try Tensor.random([2, 3, 4], seed: 1).elements
        values[5] = .nan
        let result = try network.runner.run(TensorSequence(Tensor(values, shape: [2, 3, 4])))
        let h = result.state[0].elements
        #expect(h[..<7].allSatisfy { $0.isNaN } && h[7...].allSatisfy { $0.isFinite })
        for small in [0, 7] {
            #expect(throws: ProteanError.self) {
                try SkimLSTM(inputSize: 4, hiddenSize: 7, smallSize: small)
            }
        }
    }
}
