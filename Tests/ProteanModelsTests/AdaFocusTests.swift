import Testing

@testable import Protean
@testable import ProteanModels

@Suite struct AdaFocusTests {
    private static func small() throws -> AdaFocus {
        var options = AdaFocus.Options()
        (options.frames, options.glanceSize, options.patchSize) = (3, 64, 32)
        (options.block, options.stages) = (.basic, [1, 1, 1, 1])
        (options.policyHidden, options.hidden, options.classes) = (64, 40, 6)
        let network = try AdaFocus(options)
        try GlimpseGolden.fill(network)
        return network
    }

    @Test func placesAndLogitsAreTheReferences() throws {
        let golden = try GlimpseGolden.values(), network = try Self.small()
        #expect(network.parameterCount == 7_515_606)
        let x = try GlimpseGolden.uniform("x", [2, 3, 64, 64, 3]), record = GlimpseRecord()
        let logits = try record.recording { try network.exits.all(x) }
        let expected = try golden.tensor("adafocus.logits")
        for frame in 0..<3 {
            let own = try Operations.slice(expected, [.all, AxisSlice(frame..<frame + 1)])
            let error = try GlimpseGolden.error(logits[frame], try own.reshaped(to: [2, 6]))
            #expect(error < 1e-4, "frame \(frame)")
            print("frame \(frame): within \(error) of the largest logit")
            let actions = try golden.tensor("adafocus.action.\(frame)").elements.map { Int($0) }
            let places = record.entries[frame].regions.map { [$0[0].row, $0[0].column] }
            #expect(places == actions.map { [$0 / 7 * 32 / 6, $0 % 7 * 32 / 6] })
        }
    }

    @Test func rowsGetTheirBitsAloneAndLeave() throws {
        let network = try Self.small(), x = try GlimpseGolden.uniform("y", [3, 3, 50, 41, 3])
        try GlimpseGolden.expectRowsAlone(x) { try network($0) }
        let all = try network.exits.all(x)
        let middle = try GlimpseGolden.threshold(all[0], passing: 2)
        let policy = ExitPolicy.threshold(.maximumProbability, [middle, 2, 0])
        _ = try network.exits.costs(for: x.shape)
        let trace = Trace()
        let result = try trace.recording { try network.exits.dynamic(x, policy: policy) }
        #expect(trace.totalCost.multiplyAdds == result.executed.reduce(0, +))
        #expect(result.exits.count { $0 == 0 } == 2)
        for (row, exit) in result.exits.enumerated() {
            let found = try Operations.indexSelect(result.logits, axis: 0, indices: [row])
            let own = try Operations.indexSelect(all[exit], axis: 0, indices: [row])
            #expect(GlimpseGolden.same(found, own), "row \(row)")
        }
        #expect(try network(try Tensor(zeros: [0, 3, 50, 41, 3])).shape == [0, 6])
    }

    @Test func publishedCountsAreTheReferences() throws {
        let network = try AdaFocus()
        #expect(network.parameterCount == 55_971_324)
        #expect(network.parameter(at: "focuser.policy.policy_old.actor.0.weight") != nil)
        let table = try network.exits.costs(for: [1, 16, 224, 224, 3])
        #expect(table.exits.count == 16)
        // Every frame costs the same, and the first one has no other state to read.
        let steps = zip(table.exits, table.exits.dropFirst()).map {
            $1.multiplyAdds - $0.multiplyAdds
        }
        #expect(Set(steps).count == 1)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let network = try Self.small()
        for shape in [[1, 2, 64, 64, 3], [1, 3, 64, 64, 1], [3, 64, 64, 3]] {
            #expect(throws: ProteanError.self) { try network(try Tensor(zeros: shape)) }
        }
        for change: (inout AdaFocus.Options) -> Void in [
            { $0.frames = 0 }, { $0.grid = 1 }, { $0.glanceSize = 31 }, { $0.patchSize = 0 },
            { $0.classes = 0 }, { $0.hidden = 0 }, { $0.policyHidden = 0 }, { $0.stages = [] },
        ] {
            var options = network.options
            change(&options)
            #expect(throws: ProteanError.self) { try AdaFocus(options) }
        }
    }
}
