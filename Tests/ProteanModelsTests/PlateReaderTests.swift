import Testing

@testable import Protean
@testable import ProteanModels

@Suite struct PlateReaderTests {
    static let weights = (
        stn: TestFiles.shared("weights/conditional/ccpd_STN.pth"),
        reader: TestFiles.shared("weights/conditional/ccpd_LPRNet.pth")
    )

    private static func check(
        _ stn: PlateTransformer, _ reader: LPRNet, _ name: String
    ) throws {
        let golden = try GlimpseGolden.values()
        let x = try GlimpseGolden.uniform("x", [3, 24, 94, 3])
        let straight = try Operations.indexSelect(try stn(x), axis: 0, indices: [0])
        let expected = try golden.tensor("plate.\(name).straight")
        // The image is noise: neighbouring pixels differ by up to 2, so the last bits of the positions
        // show in what is sampled there.
        #expect(try straight.maximumDifference(from: expected) < 1e-3)
        let joined = PlateReader(transformer: stn, reader: reader)
        for (logits, key) in [(try joined(x), "logits"), (try reader(x), "crooked")] {
            let expected = try golden.tensor("plate.\(name).\(key)")
            #expect(logits.shape == [3, 18, 68])
            let error = try GlimpseGolden.error(logits, expected)
            #expect(error < 1e-4)
            print("\(name) \(key): within \(error) of the largest logit")
        }
    }

    @Test func logitsAreTheReferences() throws {
        let stn = try PlateTransformer(), reader = try LPRNet()
        try GlimpseGolden.fill(stn)
        try GlimpseGolden.fill(reader)
        try Self.check(stn, reader, "formula")
    }

    @Test(
        .enabled(
            if: TestFiles.exist(weights.stn, weights.reader), "skipped: no published weights"))
    func thePublishedNetworksGivePyTorchsOutputs() throws {
        let bgr = try ModelConfiguration(json: #"{"channel_order": "bgr"}"#, source: "test")
        let first = try ModelLoader.standard.load(
            Self.weights.stn, as: "stn_plate", configuration: bgr)
        let second = try ModelLoader.standard.load(
            Self.weights.reader, as: "lprnet", configuration: bgr)
        let stn = try #require((first.module as? PlateReader)?.transformer)
        let reader = try #require((second.module as? PlateReader)?.reader)
        try Self.check(stn, reader, "published")
    }

    @Test func rowsGetTheirBitsAlone() throws {
        let reader = PlateReader(transformer: try PlateTransformer(), reader: try LPRNet())
        try GlimpseGolden.fill(reader)
        let x = try GlimpseGolden.uniform("x", [3, 24, 94, 3])
        try GlimpseGolden.expectRowsAlone(x) { try reader($0) }
        #expect(try reader(try Tensor(zeros: [0, 24, 94, 3])).shape == [0, 18, 68])
    }

    @Test func channelsAreTurnedAround() throws {
        let stn = try PlateTransformer(), reader = try LPRNet()
        try GlimpseGolden.fill(reader)
        let x = try GlimpseGolden.uniform("x", [1, 24, 94, 3])
        let turned = try Operations.flip(x, axes: [-1])
        let bgr = try PlateReader(transformer: stn, reader: reader)(x)
        let rgb = try PlateReader(transformer: stn, reader: reader, channels: .rgb)(turned)
        #expect(GlimpseGolden.same(bgr, rgb))
    }

    @Test func countsAreTheReferences() throws {
        let loader = ModelLoader.standard
        let counts = [("stn_plate", 55_430), ("lprnet", 446_976), ("stn_lprnet", 502_406)]
        for (name, count) in counts {
            let model = try loader.makeModel(name).module
            #expect(model.parameterCount == count, "\(name)")
        }
        let joined = try loader.makeModel("stn_lprnet").module
        #expect(joined.parameter(at: "STN.fc_loc.2.bias") != nil)
        #expect(joined.parameter(at: "LPRNet.backbone.4.block.6.weight") != nil)
        #expect(try joined.outputShape(for: [2, 24, 94, 3]) == [2, 18, 68])
        for shape in [[1, 24, 94, 1], [1, 94, 24, 3], [24, 94, 3]] {
            #expect(throws: ProteanError.self) { try joined.outputShape(for: shape) }
        }
        let wrong = try ModelConfiguration(json: #"{"channel_order": "gbr"}"#, source: "test")
        #expect(throws: ProteanError.self) {
            try loader.makeModel("lprnet", configuration: wrong)
        }
    }

    /// One plate whose steps have these classes as the most likely ones.
    private static func plate(_ classes: [Int], of count: Int) throws -> Tensor {
        var values = [Float](repeating: 0, count: classes.count * count)
        for (step, found) in classes.enumerated() { values[step * count + found] = 1 }
        return try Tensor(values, shape: [1, classes.count, count])
    }

    @Test func textIsReadGreedily() throws {
        let alphabet = PlateAlphabet.published
        #expect(alphabet.count == 68)
        #expect(alphabet.characters[31] == "0" && alphabet.characters[66] == "O")
        let steps = [67, 1, 1, 67, 41, 41, 67, 41, 33, 67, 67, 64]
        #expect(try alphabet.read(try Self.plate(steps, of: 68)) == ["沪AA2Z"])
        #expect(try alphabet.read(try Self.plate([1, 67], of: 68)) == ["沪"])
        #expect(try alphabet.read(try Self.plate([67, 67], of: 68)) == [""])
        #expect(try alphabet.read(try Tensor(zeros: [0, 18, 68])) == [])
        #expect(try alphabet.read(try Tensor(zeros: [2, 0, 68])) == ["", ""])
        #expect(throws: ProteanError.self) { try alphabet.read(try Tensor(zeros: [1, 18, 67])) }
        #expect(throws: ProteanError.self) {
            try alphabet.read(try Tensor(shapeOnly: [1, 18, 68]))
        }
        #expect(throws: ProteanError.self) { try PlateAlphabet(["-"]) }
    }
}
