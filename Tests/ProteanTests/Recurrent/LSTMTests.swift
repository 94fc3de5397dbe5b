import Testing

@testable import Protean

/// ``LSTM`` against PyTorch in double precision (Tests/Golden/generate/apply_recurrent.py).
@Suite struct LSTMTests {
    static func expect(_ found: Tensor, _ expected: Tensor, _ what: String) {
        MapTest.expect(
            found, shape: expected.shape, RecurrentGolden.numbers(expected), tolerance: 3e-6, what)
    }

    @Test func agreesWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/lstm.safetensors")
        let layer = try LSTM(inputSize: 7, hiddenSize: 5)
        try golden.load(into: layer)
        for kind in ["y", "h", "c"] {
            try MapTest.everywhere {
                let result = try layer.run(golden.input("x"))
                return ["y": result.output, "h": result.hidden, "c": result.cell][kind]!
            } check: { isa, found in
                Self.expect(found, try golden.output(kind), "\(isa) \(kind)")
            }
        }
    }

    @Test func stacksDirectionsStatesAndLengthsAgreeWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/lstm_stack.safetensors")
        let layer = try LSTM(inputSize: 3, hiddenSize: 17, layers: 2, bidirectional: true)
        #expect(
            layer.parameters.prefix(8).map(\.name) == [
                "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0",
                "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse",
                "bias_hh_l0_reverse",
            ])
        try golden.load(into: layer)
        let lengths = try golden.input("lengths").elements.map { Int($0) }
        let initial = (hidden: try golden.input("h"), cell: try golden.input("c"))
        for kind in ["y", "h", "c"] {
            try MapTest.everywhere {
                let result = try layer.run(
                    golden.input("x"), lengths: lengths, initial: initial)
                return ["y": result.output, "h": result.hidden, "c": result.cell][kind]!
            } check: { isa, found in
                Self.expect(found, try golden.output(kind), "\(isa) \(kind)")
            }
        }
    }

    @Test func aProjectionAndTimeFirstAgreeWithPyTorch() throws {
        let golden = try RecurrentGolden("apply/lstm_projection.safetensors")
        let layer = try LSTM(
            inputSize: 5, hiddenSize: 9, layers: 2, bias: false, batchFirst: false,
            bidirectional: true, projectionSize: 4)
        try golden.load(into: layer)
        let initial = (hidden: try golden.input("h"), cell: try golden.input("c"))
        let result = try layer.run(golden.input("x"), initial: initial)
        Self.expect(result.output, try golden.output("y"), "y")
        Self.expect(result.hidden, try golden.output("h"), "h")
        Self.expect(result.cell, try golden.output("c"), "c")
    }

    @Test(arguments: [1, 3, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let layer = try LSTM(inputSize: 5, hiddenSize: 19, layers: 2, bidirectional: true)
        let time = 6
        let x = try Tensor.random([batch, time, 5], seed: 4)
        let lengths = (0..<batch).map { $0 * 5 % (time + 1) }
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let all = try layer.run(x, lengths: lengths)
                for row in 0..<batch {
                    let alone = try layer.run(x.sample(row), lengths: [lengths[row]])
                    let part = try all.output.sample(row)
                    #expect(alone.output.isBitEqual(to: part), "\(isa) row \(row)")
                    for (whole, single) in [(all.hidden, alone.hidden), (all.cell, alone.cell)] {
                        let own = try Operations.slice(whole, [.all, AxisSlice(row..<row + 1)])
                        #expect(own.isBitEqual(to: single), "\(isa) row \(row)")
                    }
                }
            }
        }
    }

    @Test func stepsBeyondALengthAreNeitherReadNorWritten() throws {
        let layer = try LSTM(inputSize: 2, hiddenSize: 3)
        var values = try Tensor.random([2, 4, 2], seed: 2).elements
        for index in 4..<8 { values[index] = .nan }
        let x = try Tensor(values, shape: [2, 4, 2])
        let result = try layer.run(x, lengths: [2, 0])
        #expect(result.output.elements.allSatisfy { $0.isFinite })
        #expect(result.output.elements[6...].allSatisfy { $0 == 0 })
        #expect(result.hidden.elements[3...].allSatisfy { $0 == 0 })
        let start = (
            hidden: try Tensor.random([1, 2, 3], seed: 5), cell: try Tensor.random([1, 2, 3])
        )
        let kept = try layer.run(x, lengths: [0, 0], initial: start)
        #expect(kept.hidden.elements == start.hidden.elements)
        #expect(kept.cell.elements == start.cell.elements)
    }

    @Test func shapesEmptyBatchesAndCost() throws {
        let layer = try LSTM(
            inputSize: 3, hiddenSize: 5, layers: 2, bidirectional: true, projectionSize: 2)
        #expect(try layer.outputShape(for: [2, 7, 3]) == [2, 7, 4])
        let perStep = 2 * (4 * 5 * (3 + 2) + 5 * 2) + 2 * (4 * 5 * (4 + 2) + 5 * 2)
        #expect(try layer.cost(for: [2, 7, 3]).multiplyAdds == 14 * perStep)
        let empty = try layer.run(Tensor(zeros: [0, 7, 3]))
        #expect(empty.output.shape == [0, 7, 4] && empty.cell.shape == [4, 0, 5])
        let short = try layer.run(Tensor(zeros: [2, 0, 3]))
        #expect(short.output.shape == [2, 0, 4])
        let trace = Trace()
        _ = try trace.recording {
            try layer.run(Tensor(zeros: [2, 7, 3]), lengths: [7, 2])
        }
        #expect(trace.events.count == 1)
        #expect(trace.totalCost.executedMultiplyAdds == 9 * perStep)
        #expect(trace.totalCost.multiplyAdds == 14 * perStep)
    }

    @Test func notANumberStaysInItsRow() throws {
        let layer = try LSTM(inputSize: 2, hiddenSize: 3)
        let x = try Tensor([1, 1, 1, 1, .nan, 1, 1, 1], shape: [2, 2, 2])
        let y = try layer(x).elements
        #expect(y[..<6].allSatisfy { $0.isFinite } && y[6...].allSatisfy { $0.isNaN })
    }

    @Test func badOptionsAndShapesAreRefused() throws {
        for (option, make) in [
            ("inputSize", { try LSTM(inputSize: 0, hiddenSize: 3) }),
            ("hiddenSize", { try LSTM(inputSize: 1, hiddenSize: 0) }),
            ("layers", { try LSTM(inputSize: 1, hiddenSize: 3, layers: 0) }),
            ("projectionSize", { try LSTM(inputSize: 1, hiddenSize: 3, projectionSize: 3) }),
        ] as [(String, () throws -> LSTM)] {
            let error = #expect(throws: ProteanError.self) { _ = try make() }
            #expect(error?.description.contains("'\(option)'") == true)
        }
        let layer = try LSTM(inputSize: 2, hiddenSize: 3)
        let x = try Tensor(zeros: [2, 4, 2])
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2, 4, 3])) }
        #expect(throws: ProteanError.self) { try layer.run(x, lengths: [1]) }
        #expect(throws: ProteanError.self) { try layer.run(x, lengths: [1, 5]) }
        #expect(throws: ProteanError.self) { try layer.run(x, lengths: [-1, 4]) }
        #expect(throws: ProteanError.self) {
            try layer.run(
                x, initial: (Tensor(zeros: [1, 2, 3]), Tensor(zeros: [1, 2, 2])))
        }
    }
}
