import Testing

@testable import Protean

/// ``HMLSTMNetwork`` against its formulas in double precision, computed for all layers and rows
/// (Tests/Golden/generate/recurrent_models.py).
@Suite struct HMLSTMTests {
    static func network() throws -> HMLSTMNetwork {
        try HMLSTMNetwork(
            inputSize: 2, outputSize: 3, sizes: [4, 3, 5], hiddenSize: 6, embeddingSize: 7)
    }

    @Test func agreesWithTheReference() throws {
        let golden = try RecurrentGolden("recurrent/hm_lstm.safetensors")
        let network = try Self.network()
        try golden.load(into: network)
        let x = try golden.input("x")
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let (y, run) = try network.run(TensorSequence(x))
                let hidden = try #require(run.output)
                for (found, name) in [(y, "y"), (hidden, "h"), (run.state[1], "c")] {
                    let expected = try golden.output(name)
                    MapTest.expect(
                        found, shape: expected.shape, expected.elements.map(Double.init),
                        tolerance: 2e-5, "\(isa) \(name)")
                }
                let marks = try golden.output("z").elements.suffix(3)
                #expect(Array(run.state[2].elements.suffix(3)) == Array(marks))
            }
        }
    }

    @Test func aCopiedLayerIsNotComputed() throws {
        let golden = try RecurrentGolden("recurrent/hm_lstm.safetensors")
        let network = try Self.network()
        try golden.load(into: network)
        let operations = try golden.output("operations").elements.map { Int($0) }
        let run = try network.run(TensorSequence(golden.input("x"))).run
        let sizes = [4, 3, 5]
        let costs = [(4 + 3 + 2) * 17, (3 + 5 + 4) * 13, (5 + 4 + 3) * 21]
        for row in 0..<3 {
            let own = operations[row * 48..<(row + 1) * 48].enumerated()
            let expected = own.reduce(0) { sum, entry in
                sum + (entry.element == 0 ? sizes[entry.offset % 3] : costs[entry.offset % 3])
            }
            #expect(run.executed[row] == expected)
        }
        #expect(network.cells.multiplyAddsPerStep == costs.reduce(0, +))
    }

    @Test func boundariesDecideTheOperation() {
        #expect(HMLSTMCells.operation(own: 1, below: 0) == .flush)
        #expect(HMLSTMCells.operation(own: 1, below: 1) == .flush)
        #expect(HMLSTMCells.operation(own: 0, below: 0) == .copy)
        #expect(HMLSTMCells.operation(own: 0, below: 1) == .update)
    }

    @Test(arguments: [0, 1, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let golden = try RecurrentGolden("recurrent/hm_lstm.safetensors")
        let network = try Self.network()
        try golden.load(into: network)
        let x = try Tensor.random([batch, 10, 2], seed: 3)
        let lengths = (0..<batch).map { $0 * 7 % 11 }
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

    @Test func parametersAreThoseOfTheReference() throws {
        // The reference's defaults: three layers of 50 units, embedding and output layers of 100.
        let network = try HMLSTMNetwork()
        let cells = (50 + 50 + 1) * 201 + 2 * (150 * 201)
        let output = 100 * 100 + 100 * 100 + 100 * 1 + 100 + 100 + 1
        #expect(network.parameterCount == cells + 3 * 150 + 150 * 100 + output)
    }

    @Test func badOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) { try HMLSTMCells(inputSize: 1, sizes: []) }
        #expect(throws: ProteanError.self) { try HMLSTMCells(inputSize: 1, sizes: [0]) }
        #expect(throws: ProteanError.self) { try HMLSTMCells(inputSize: 1, sizes: [2], slope: 0) }
        #expect(throws: ProteanError.self) { try HMLSTMNetwork(hiddenSize: 0) }
        let network = try Self.network()
        #expect(throws: ProteanError.self) { try network.predictions(Tensor(zeros: [2, 11])) }
    }
}
