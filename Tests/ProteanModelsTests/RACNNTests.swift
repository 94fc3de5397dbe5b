import Testing

@testable import Protean
@testable import ProteanModels

@Suite struct RACNNTests {
    private static func small() throws -> RACNN {
        var options = RACNN.Options()
        options.stages = [[8], [12, 12], [24]]
        (options.imageSize, options.cropSize) = (64, 32)
        (options.attentionHidden, options.classes, options.backboneHidden) = (20, 5, nil)
        let network = try RACNN(options)
        try GlimpseGolden.fill(network)
        return network
    }

    @Test func cropsAreTheReferences() throws {
        let golden = try GlimpseGolden.values()
        let x = try GlimpseGolden.uniform("x", [4, 96, 96, 3])
        let places = try golden.tensor("racnn.places")
        let crop = try AttentionCrop(size: 224)
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try crop(x, places: places) }
            let every = AxisSlice(step: 7)
            let found = try Operations.slice(y, [.all, every, every])
            let error = try found.maximumDifference(from: try golden.tensor("racnn.crop"))
            #expect(error < 2e-5, "\(isa)")
        }
        try GlimpseGolden.expectRowsAlone(x) {
            try crop(
                $0, places: try Operations.slice(places, [AxisSlice(0..<1)]).tiled($0.shape[0]))
        }
    }

    @Test func scalesAreTheReferences() throws {
        let golden = try GlimpseGolden.values(), network = try Self.small()
        #expect(network.parameterCount == 77_389)
        let x = try GlimpseGolden.uniform("x", [3, 64, 64, 3])
        let logits = try network.exits.all(x)
        for scale in 0..<3 {
            let error = try GlimpseGolden.error(
                logits[scale], try golden.tensor("racnn.logits.\(scale)"))
            #expect(error < 1e-4, "scale \(scale)")
            print("scale \(scale): within \(error) of the largest logit")
        }
    }

    @Test func rowsThatAreSureLeave() throws {
        let network = try Self.small(), x = try GlimpseGolden.uniform("y", [7, 64, 64, 3])
        let all = try network.exits.all(x)
        let middle = try GlimpseGolden.threshold(all[0], passing: 3)
        let policy = ExitPolicy.threshold(.maximumProbability, [middle, 2, 0])
        _ = try network.exits.costs(for: x.shape)
        let record = GlimpseRecord(), trace = Trace()
        let result = try trace.recording {
            try record.recording { try network.exits.dynamic(x, policy: policy) }
        }
        #expect(trace.totalCost.multiplyAdds == result.executed.reduce(0, +))
        #expect(result.exits.count { $0 == 0 } == 3)
        for (row, exit) in result.exits.enumerated() {
            let found = try Operations.indexSelect(result.logits, axis: 0, indices: [row])
            let own = try Operations.indexSelect(all[exit], axis: 0, indices: [row])
            #expect(GlimpseGolden.same(found, own), "row \(row)")
            #expect(record.glimpses(ofRow: row).count == exit)
        }
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 3) {
                try GlimpseGolden.expectRowsAlone(x) { try network($0) }
            }
        }
    }

    @Test func countsAreTheReferences() throws {
        #expect(RACNN.Options().parameterCount == 636_871_638)
        #expect(try Self.small().options.parameterCount == 77_389)
        var options = try Self.small().options
        options.backboneHidden = 3
        #expect(try RACNN(options).parameterCount == options.parameterCount)
        let table = try Self.small().exits.costs(for: [1, 64, 64, 3])
        let first = 64 * 64 * 27 * 8 + 32 * 32 * (72 * 12 + 108 * 12) + 16 * 16 * 108 * 24
        #expect(table.exits[0].multiplyAdds == first + 24 * 64 * 20 + 60 + 24 * 5)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for change: (inout RACNN.Options) -> Void in [
            { $0.stages = [] }, { $0.stages[0] = [] }, { $0.stages[1][0] = 0 },
            { $0.imageSize = 63 }, { $0.imageSize = 128 }, { $0.classes = 0 },
            { $0.attentionHidden = 0 }, { $0.backboneHidden = -1 },
        ] {
            var options = try Self.small().options
            change(&options)
            #expect(throws: ProteanError.self) { try RACNN(options) }
        }
        #expect(throws: ProteanError.self) { try Self.small()(try Tensor(zeros: [1, 32, 32, 3])) }
    }
}

extension Tensor {
    /// The first axis repeated.
    fileprivate func tiled(_ count: Int) throws -> Tensor { try Operations.tile(self, [count, 1]) }
}
