import Testing

@testable import Protean

@Suite("A cascade of separate networks") struct CascadeTests {
    /// A convolution of so many channels and a linear layer on its mean.
    private static func model(_ width: Int, classes: Int = 4, seed: UInt64) throws -> Sequential {
        try Sequential([
            try Conv2d(
                inputChannels: 3, outputChannels: width, kernelSize: 3, padding: 1, seed: seed),
            ReLU(), GlobalAveragePool2d(),
            try Linear(inputFeatures: width, outputFeatures: classes, seed: seed),
        ])
    }

    private static func models() throws -> [any Layer] {
        // The first one looks at smaller images.
        let small = try Sequential([
            try Resize(size: 4, mode: .bilinear(alignCorners: false)), try model(8, seed: 1),
        ])
        return [small, try model(16, seed: 2), try model(24, seed: 3)]
    }

    @Test(arguments: [0, 1, 7, 32]) func exitsAreTheNetworks(_ batch: Int) throws {
        let models = try Self.models(), cascade = try ExitNetwork(cascade: models)
        let x = try Tensor.random([batch, 9, 6, 3], seed: 4)
        let all = try cascade.all(x)
        for (exit, model) in models.enumerated() {
            #expect(all[exit].isBitEqual(to: try model(x)))
            #expect(try cascade.until(exit, x).isBitEqual(to: all[exit]))
        }
    }

    @Test func costsAddUpWithoutSharing() throws {
        let models = try Self.models(), cascade = try ExitNetwork(cascade: models)
        var sum = 0
        for (exit, model) in try zip(cascade.costs(for: [1, 9, 6, 3]).exits, models) {
            sum += try model.cost(for: [1, 9, 6, 3]).multiplyAdds
            #expect(exit.multiplyAdds == sum)
        }
    }

    @Test func rowsGoOnAlone() throws {
        let models = try Self.models(), cascade = try ExitNetwork(cascade: models)
        let x = try Tensor.random([7, 9, 6, 3], seed: 5)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let margins = try cascade.all(x).map { logits -> Float in
                    let scores = try (0..<7).map { row -> Float in
                        let own = try logits.sample(row).elements
                        let sorted = Criterion.probabilities(own[...]).sorted(by: >)
                        return sorted[0] - sorted[1]
                    }
                    return scores.sorted()[4]
                }
                let policy = ExitPolicy.threshold(.margin, margins)
                let counted = try Trace.measuring { () throws(ProteanError) in
                    try cascade.dynamic(x, policy: policy)
                }
                let result = counted.result
                #expect(Set(result.exits).count > 1)
                for row in 0..<7 {
                    let own = try result.logits.sample(row)
                    #expect(own.isBitEqual(to: try models[result.exits[row]](try x.sample(row))))
                }
                #expect(counted.cost.executedMultiplyAdds == result.executed.reduce(0, +))
            }
        }
    }

    @Test func parametersLieUnderTheirNetwork() throws {
        let cascade = try ExitNetwork(cascade: try Self.models())
        let names = cascade.allParameters().map(\.name)
        #expect(names.contains("models.1.0.weight") && names.contains("models.2.3.bias"))
    }

    @Test func refusesWhatIsNoCascade() throws {
        #expect(throws: ProteanError.self) { try ExitNetwork(cascade: []) }
        let models: [any Layer] = [
            try Self.model(4, seed: 1), try Self.model(4, classes: 5, seed: 2),
        ]
        #expect(throws: ProteanError.self) { try ExitNetwork(cascade: models) }
    }

    /// Packed weights and plans do not follow the batch, which shrinks from network to network.
    @Test func aChangingBatchTakesResultsOnly() async {
        await #expect(processExitsWith: .success) {
            let cascade = try ExitNetwork(cascade: try CascadeTests.models())
            let policy = ExitPolicy.threshold(.margin, [0.05, 0.05, 0])
            func blocks(_ batch: Int) throws -> Int {
                let x = try Tensor.random([batch, 9, 6, 3], seed: 6)
                return try allocations {
                    _ = try cascade.all(x)
                    _ = try cascade.dynamic(x, policy: policy)
                }
            }
            try Runtime.with(threads: 1) {
                // The largest batch makes the scratch memory.
                for batch in [32, 32] { _ = try blocks(batch) }
                let usual = try blocks(32)
                for batch in [7, 31, 2, 12, 5, 32] {
                    let found = try blocks(batch)
                    #expect(found <= usual, "batch \(batch): \(found) blocks")
                }
            }
        }
    }
}
