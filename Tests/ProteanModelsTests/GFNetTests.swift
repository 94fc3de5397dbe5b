import Testing

@testable import Protean
@testable import ProteanModels

@Suite struct GFNetTests {
    /// The network of the golden values: basic blocks, patches of 32.
    private static func small(steps: Int = 4) throws -> GFNet {
        var options = GFNet.Options()
        (options.block, options.stages, options.classes) = (.basic, [1, 1, 1, 1], 10)
        (options.patchSize, options.steps) = (32, steps)
        (options.policyHidden, options.classifierHidden) = (64, 48)
        let network = try GFNet(options)
        try GlimpseGolden.fill(network)
        return network
    }

    @Test func looksAndLogitsAreTheReferences() throws {
        let golden = try GlimpseGolden.values(), network = try Self.small()
        #expect(network.parameterCount == 11_110_177)
        let x = try GlimpseGolden.uniform("x", [3, 75, 75, 3])
        let prime = try Operations.resize(x, to: 32, mode: .bicubic(alignCorners: true))
        let first = try Operations.indexSelect(prime, axis: 0, indices: [0])
        #expect(try first.maximumDifference(from: try golden.tensor("gfnet.prime")) < 1e-5)
        let record = GlimpseRecord()
        let logits = try record.recording { try network.exits.all(x) }
        for step in 0..<4 {
            let expected = try golden.tensor("gfnet.logits.\(step)")
            let error = try GlimpseGolden.error(logits[step], expected)
            #expect(error < 1e-4, "look \(step)")
            print("look \(step): within \(error) of the largest logit")
        }
        for step in 1..<4 {
            let gather = try RegionGather(size: 32)
            let patches = try gather(x, locations: try golden.tensor("gfnet.action.\(step)"))
            let own = try Operations.indexSelect(patches, axis: 0, indices: [0])
            #expect(GlimpseGolden.same(own, try golden.tensor("gfnet.patch.\(step)")))
            let places = try gather.places(
                try golden.tensor("gfnet.action.\(step)"), in: x.shape)
            let found = record.entries[step - 1].regions.map { [$0[0].row, $0[0].column] }
            #expect(found == places.map { [$0.row, $0.column] })
        }
    }

    @Test func rowsGetTheirBitsAlone() throws {
        let network = try Self.small(steps: 3)
        let x = try GlimpseGolden.uniform("x", [3, 40, 53, 3])
        let all = try network.exits.all(x)
        for exit in 0..<3 {
            #expect(GlimpseGolden.same(try network.exits.until(exit, x), all[exit]))
        }
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                try GlimpseGolden.expectRowsAlone(x) { try network($0) }
            }
        }
        #expect(try network(try Tensor(zeros: [0, 40, 53, 3])).shape == [0, 10])
    }

    @Test func rowsThatAreSureLeave() throws {
        let network = try Self.small(steps: 3)
        let x = try GlimpseGolden.uniform("y", [7, 40, 40, 3])
        let all = try network.exits.all(x)
        // Half of the rows leave at the glance.
        let middle = try GlimpseGolden.threshold(all[0], passing: 4)
        let policy = ExitPolicy.threshold(.maximumProbability, [middle, 2, 0])
        let table = try network.exits.costs(for: x.shape)
        let record = GlimpseRecord(), trace = Trace()
        let result = try trace.recording {
            try record.recording { try network.exits.dynamic(x, policy: policy) }
        }
        #expect(trace.totalCost.multiplyAdds == result.executed.reduce(0, +))
        #expect(result.exits.count { $0 == 0 } == 4)
        for (row, exit) in result.exits.enumerated() {
            let found = try Operations.indexSelect(result.logits, axis: 0, indices: [row])
            let own = try Operations.indexSelect(all[exit], axis: 0, indices: [row])
            #expect(GlimpseGolden.same(found, own), "row \(row)")
            #expect(result.executed[row] == table.exits[exit].multiplyAdds)
            #expect(record.glimpses(ofRow: row).count == exit)
        }
    }

    @Test func publishedCountsAreTheReferences() throws {
        let model = try ModelLoader.standard.makeModel("gfnet_resnet50").module
        let network = try #require(model as? GFNet)
        let counts = network.submodules.map { ($0.name, $0.module.parameterCount) }
        let expected = [
            ("model", 25_557_032), ("model_prime", 25_557_032), ("policy", 46_149_635),
            ("fc.rnn", 10_468_328 - 1_025_000), ("fc.fc", 1_025_000),
        ]
        #expect(counts.elementsEqual(expected, by: ==))
        #expect(network.parameterCount == 107_732_027)
        #expect(network.parameter(at: "policy.state_encoder.2.weight")?.shape == [1024, 2048])
        #expect(network.parameter(at: "fc.rnn.weight_ih_l0")?.shape == [3072, 2048])
        // A ResNet-50 on 96 x 96 pixels takes 0.75 billion multiply-adds.
        let table = try network.exits.costs(for: [1, 224, 224, 3])
        #expect(table.exits.count == 5)
        #expect(abs(Double(table.exits[0].multiplyAdds) / 0.77e9 - 1) < 0.05)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let loader = ModelLoader.standard
        for json in [
            #"{"steps": 0}"#, #"{"patch_size": 31}"#, #"{"block": "wide"}"#, #"{"layers": []}"#,
            #"{"prime_interpolation": "nearest"}"#, #"{"patch": 96}"#, #"{"policy_hidden": 0}"#,
        ] {
            let wrong = try ModelConfiguration(json: json, source: "test")
            #expect(throws: ProteanError.self, "\(json)") {
                try loader.makeModel("gfnet_resnet50", configuration: wrong)
            }
        }
        let network = try Self.small()
        for shape in [[1, 31, 40, 3], [1, 40, 40, 4], [40, 40, 3]] {
            #expect(throws: ProteanError.self) { try network(try Tensor(zeros: shape)) }
        }
    }
}
