import Testing

@testable import Protean

/// ``GRU`` against PyTorch in double precision (Tests/Golden/generate/apply_recurrent.py).
@Suite struct GRUTests {
    @Test func agreesWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/gru.safetensors")
        let layer = try GRU(inputSize: 7, hiddenSize: 5)
        try golden.load(into: layer)
        for kind in ["y", "h"] {
            try MapTest.everywhere {
                let result = try layer.run(golden.input("x"))
                return kind == "y" ? result.output : result.hidden
            } check: { isa, found in
                LSTMTests.expect(found, try golden.output(kind), "\(isa) \(kind)")
            }
        }
    }

    @Test func stacksDirectionsStatesAndLengthsAgreeWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/gru_stack.safetensors")
        let layer = try GRU(inputSize: 3, hiddenSize: 17, layers: 2, bidirectional: true)
        try golden.load(into: layer)
        let lengths = try golden.input("lengths").elements.map { Int($0) }
        for kind in ["y", "h"] {
            try MapTest.everywhere {
                let result = try layer.run(
                    golden.input("x"), lengths: lengths, initial: golden.input("h"))
                return kind == "y" ? result.output : result.hidden
            } check: { isa, found in
                LSTMTests.expect(found, try golden.output(kind), "\(isa) \(kind)")
            }
        }
    }

    @Test func timeFirstAgreesWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/gru_time_major.safetensors")
        let layer = try GRU(inputSize: 5, hiddenSize: 9, bias: false, batchFirst: false)
        try golden.load(into: layer)
        let result = try layer.run(golden.input("x"))
        LSTMTests.expect(result.output, try golden.output("y"), "y")
        LSTMTests.expect(result.hidden, try golden.output("h"), "h")
    }

    @Test(arguments: [1, 3, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let layer = try GRU(inputSize: 5, hiddenSize: 19, layers: 2, bidirectional: true)
        let x = try Tensor.random([batch, 6, 5], seed: 4)
        let lengths = (0..<batch).map { $0 * 5 % 7 }
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let all = try layer.run(x, lengths: lengths)
                for row in 0..<batch {
                    let alone = try layer.run(x.sample(row), lengths: [lengths[row]])
                    let part = try all.output.sample(row)
                    #expect(alone.output.isBitEqual(to: part), "\(isa) row \(row)")
                    let own = try Operations.slice(all.hidden, [.all, AxisSlice(row..<row + 1)])
                    #expect(own.isBitEqual(to: alone.hidden), "\(isa) row \(row)")
                }
            }
        }
    }

    @Test func shapesEmptyBatchesAndCost() throws {
        let layer = try GRU(inputSize: 3, hiddenSize: 5, layers: 2)
        #expect(try layer.outputShape(for: [2, 7, 3]) == [2, 7, 5])
        let perStep = 3 * 5 * (3 + 5) + 3 * 5 * (5 + 5)
        #expect(try layer.cost(for: [2, 7, 3]).multiplyAdds == 14 * perStep)
        #expect(try layer.run(Tensor(zeros: [0, 7, 3])).hidden.shape == [2, 0, 5])
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2, 7, 4])) }
        #expect(throws: ProteanError.self) {
            try layer.run(Tensor(zeros: [2, 7, 3]), initial: Tensor(zeros: [1, 2, 5]))
        }
        #expect(throws: ProteanError.self) { try GRU(inputSize: 3, hiddenSize: 0) }
    }
}
