import Testing

@testable import Protean

/// ``SkipLSTM`` and ``SkipGRU`` against their formulas in double precision, computed step by step with
/// all candidates (Tests/Golden/generate/recurrent_models.py).
@Suite struct SkipRNNTests {
    static func network(_ name: String) throws -> any SkipNetwork {
        switch name {
        case "skip_lstm": try SkipLSTM(inputSize: 4, sizes: [6, 6])
        case "skip_gru": try SkipGRU(inputSize: 4, sizes: [6, 6])
        case "skip_lstm_tensorflow": try SkipLSTM(inputSize: 4, sizes: [6, 5], names: .tensorFlow)
        default: try SkipGRU(inputSize: 4, sizes: [6, 5], names: .tensorFlow)
        }
    }

    static let names = ["skip_lstm", "skip_gru", "skip_lstm_tensorflow", "skip_gru_tensorflow"]

    @Test(arguments: names) func agreesWithTheReference(name: String) throws {
        let golden = try RecurrentGolden("recurrent/\(name).safetensors")
        let network = try Self.network(name)
        try golden.load(into: network)
        let x = try golden.input("x"), expected = try golden.output("y")
        let gates = try golden.output("gates").elements.map { Int($0) }
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let source = CountingSequence(try TensorSequence(x))
                let result = try network.run(source)
                let found = network.updateGates(result, time: 14).flatMap { $0 }
                #expect(found == gates, "\(isa)")
                #expect(source.reads.value == gates.reduce(0, +))
                MapTest.expect(
                    try #require(result.output), shape: expected.shape,
                    expected.elements.map(Double.init), tolerance: 1e-5, "\(isa)")
                for index in result.state.indices {
                    let state = try golden.output("state.\(index)")
                    MapTest.expect(
                        result.state[index], shape: state.shape,
                        state.elements.map(Double.init), tolerance: 1e-5, "\(isa) \(index)")
                }
            }
        }
    }

    /// Whether each of 10 steps is read when every update gives the same Δu.
    static func sequence(_ delta: Float) -> [Int] {
        var gates: [Int] = [], next = (delta: Float(1), sum: Float(0))
        while gates.count < 10 {
            let leap = SkipUpdatePolicy.leap(next.delta, next.sum, limit: 10 - gates.count)
            gates += [Int](repeating: 0, count: leap.skipped)
            if leap.isRead { gates.append(1) }
            next = (delta, 0)
        }
        return gates
    }

    @Test func updatesFollowEachOtherAsInTheReference() {
        #expect(Self.sequence(1) == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        #expect(Self.sequence(0.51) == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        #expect(Self.sequence(0.5) == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
        #expect(Self.sequence(0.3) == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
        #expect(Self.sequence(0.25) == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1])
        #expect(Self.sequence(0.1) == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0])
        #expect(Self.sequence(0) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func aLeapIsTheSumStepByStep() {
        for index in 0..<2_000 {
            let delta = CounterRandom.uniform(seed: 1, site: 0, row: index)
            var sum: Float = 0, steps = 0
            while steps < 40 {
                let next = sum + min(delta, 1 - sum)
                if next.rounded(.toNearestOrEven) == 1 { break }
                sum = next
                steps += 1
            }
            let leap = SkipUpdatePolicy.leap(delta, 0, limit: 40)
            #expect(leap.skipped == steps && leap.isRead == (steps < 40) && leap.sum == sum)
        }
        // What is not a number is read, so that it is seen.
        #expect(SkipUpdatePolicy.leap(.nan, 0, limit: 4).skipped == 0)
    }

    @Test(arguments: names) func aRowHasTheBitsThatItHasAlone(name: String) throws {
        let golden = try RecurrentGolden("recurrent/\(name).safetensors")
        let network = try Self.network(name)
        try golden.load(into: network)
        for batch in [0, 1, 7, 32] {
            let x = try Tensor.random([batch, 12, 4], seed: 3)
            let lengths = (0..<batch).map { $0 * 5 % 13 }
            try MapTest.everywhere {
                let all = try network.run(TensorSequence(x), lengths: lengths)
                for row in 0..<batch where row % 5 == 0 {
                    let alone = try network.run(
                        TensorSequence(x.sample(row)), lengths: [lengths[row]])
                    try SequenceRunnerTests.expectRow(row, of: all, is: alone, "row \(row)")
                }
                return all.state[0]
            } check: { _, _ in
            }
        }
    }

    @Test(arguments: names) func aSequenceInPartsIsTheSameSequence(name: String) throws {
        let golden = try RecurrentGolden("recurrent/\(name).safetensors")
        let network = try Self.network(name)
        try golden.load(into: network)
        let x = try golden.input("x")
        let whole = try network.run(TensorSequence(x))
        for cut in [1, 4, 6] {
            let parts = try x.split(sizes: [cut, 14 - cut], axis: 1)
            let first = try network.run(TensorSequence(parts[0]))
            let second = try network.run(
                TensorSequence(parts[1]), state: first.state, memory: first.memory)
            for (a, b) in zip(second.state, whole.state) { #expect(a.isBitEqual(to: b)) }
        }
    }

    @Test func executedMultiplyAddsAreThoseOfTheCellsAndGates() throws {
        let golden = try RecurrentGolden("recurrent/skip_lstm.safetensors")
        let network = try Self.network("skip_lstm")
        try golden.load(into: network)
        let result = try network.run(TensorSequence(golden.input("x")))
        let step = 4 * 6 * (4 + 6) + 4 * 6 * (6 + 6)
        for (row, updates) in result.updates.enumerated() {
            // The gate is asked at each update but the last one, unless a step follows it.
            let asked = result.decisions[row].last?.action == .update ? updates - 1 : updates
            #expect(result.executed[row] == updates * step + asked * 6)
        }
    }

    @Test func parametersAreThoseOfTheReference() throws {
        // The authors' cell of 110 units on single pixels: weights, biases, gate, initial states.
        let lstm = try SkipLSTM(inputSize: 1, sizes: [110], names: .tensorFlow)
        #expect(lstm.parameterCount == 111 * 440 + 440 + 111 + 220)
        #expect(
            lstm.allParameters().map(\.name) == [
                "Weights", "Biases", "state_update_prob.Weights", "state_update_prob.Biases",
                "initial_h.initial_state", "initial_c.initial_state",
            ])
        let gru = try SkipGRU(inputSize: 1, sizes: [110], names: .tensorFlow)
        #expect(gru.parameterCount == 111 * 220 + 220 + 111 * 110 + 110 + 111 + 110)
        let torch = try SkipLSTM(inputSize: 1, sizes: [110])
        #expect(torch.parameterCount == 440 + 110 * 440 + 2 * 440 + 111)
        let stack = try SkipGRU(inputSize: 3, sizes: [5, 5])
        #expect(
            stack.allParameters().map(\.name) == [
                "weight_ih.0", "weight_ih.1", "weight_hh.0", "weight_hh.1", "bias_ih.0",
                "bias_ih.1", "bias_hh.0", "bias_hh.1", "weight_uh", "bias_uh",
            ])
        #expect(stack.parameter(at: "bias_uh")?.value.elements == [1])
    }

    @Test func badOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) { try SkipLSTM(inputSize: 0, sizes: [3]) }
        #expect(throws: ProteanError.self) { try SkipLSTM(inputSize: 1, sizes: []) }
        #expect(throws: ProteanError.self) { try SkipGRU(inputSize: 1, sizes: [3, 4]) }
        #expect(throws: ProteanError.self) {
            try SkipGRU(inputSize: 1, sizes: [3, 0], names: .tensorFlow)
        }
    }
}
