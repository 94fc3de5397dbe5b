import Testing

@testable import Protean

@Suite struct DCNv3Tests {
    struct Case: Sendable, CustomTestStringConvertible {
        var input: [Int]
        var groups: Int
        var kernel = 3
        var dilation = 1
        var scale: Float = 1
        var norm = DCNv3.Norm.layer
        var removeCenter = false
        var centerScale = false
        var testDescription: String { "\(input) g\(groups) k\(kernel) d\(dilation) \(norm)" }

        func layer() throws -> DCNv3 {
            let layer = try DCNv3(
                channels: input[3], kernelSize: Size2d(kernel),
                padding: Size2d(kernel / 2 * dilation), dilation: Size2d(dilation), groups: groups,
                offsetScale: scale, norm: norm, centerFeatureScale: centerScale,
                removeCenter: removeCenter)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(input: [2, 7, 4, 6], groups: 2), Case(input: [1, 5, 9, 33], groups: 3, scale: 1.5),
        Case(input: [3, 9, 6, 8], groups: 4, norm: .batch, removeCenter: true),
        Case(input: [1, 8, 11, 20], groups: 5, kernel: 5, dilation: 2, centerScale: true),
        Case(input: [0, 4, 5, 4], groups: 1),
    ]

    /// The parts by themselves, the aggregation between them in double precision.
    private static func reference(_ layer: DCNv3, _ x: Tensor) throws -> Tensor {
        func linear(_ name: String, _ x: Tensor) throws -> Tensor {
            let part = try #require(layer.module(at: name) as? Linear)
            return try part(x)
        }
        let depthwise = try #require(layer.module(at: "dw_conv.0") as? Conv2d)
        var t = try depthwise(x)
        if let norm = layer.module(at: "dw_conv.1.1") as? LayerNorm { t = try norm(t) }
        if let norm = layer.module(at: "dw_conv.1.0") as? BatchNorm2d { t = try norm(t) }
        t = try Operations.activate(t, .gelu)
        let u = try linear("input_proj", x)
        let logits = try linear("mask", t), aggregation = layer.aggregation
        let perGroup = x.shape.dropLast() + [aggregation.groups, aggregation.points]
        let weights = try Operations.softmax(logits.reshaped(to: Array(perGroup)))
        let z = try aggregation.reference(
            u, offset: linear("offset", t), mask: weights.reshaped(to: logits.shape))
        var map = try Tensor(z.values.map { Float($0) }, shape: z.shape)
        if let weight = layer.parameter(at: "center_feature_scale_proj_weight"),
            let bias = layer.parameter(at: "center_feature_scale_proj_bias")
        {
            map = try CenterScaleReference.apply(
                z: map, centre: u, from: t, weight.value, bias.value)
        }
        return try linear("output_proj", map)
    }

    @Test(arguments: cases)
    func agreesWithItsFormulaEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let expected = try Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            // Displacements of up to a few pixels carry their error into every sample.
            MapTest.expect(
                y, shape: test.input, expected.elements.map(Double.init), tolerance: 2e-5, "\(isa)")
        }
    }

    @Test func aNewLayerAveragesItsNeighbours() throws {
        let layer = try DCNv3(channels: 8, groups: 2, seed: 5)
        for name in ["input_proj", "output_proj"] {
            let weight = try #require(layer.parameter(at: name + ".weight"))
            let identity = (0..<64).map { Float($0 / 8 == $0 % 8 ? 1 : 0) }
            try weight.set(Tensor(identity, shape: [8, 8]))
            try #require(layer.parameter(at: name + ".bias")).set(Tensor(zeros: [8]))
        }
        let x = try Tensor.random([1, 6, 5, 8])
        let y = try layer(x)
        let mean = try AvgPool2d(kernelSize: 3, stride: 1, padding: 1)(x)
        MapTest.expect(y, shape: x.shape, mean.elements.map(Double.init), tolerance: 1e-6)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "groups") { _ = try DCNv3(groups: 0) }
        #expect(throws: ProteanError.self) { try DCNv3(channels: 10, groups: 4) }
        #expect(throws: ProteanError.self) { try DCNv3(kernelSize: 4, removeCenter: true) }
        expectMismatch(of: "x") { _ = try DCNv3()(Tensor(zeros: [1, 8, 8, 32])) }
        // The size must be kept.
        #expect(throws: ProteanError.self) { try DCNv3(stride: 2)(Tensor(zeros: [1, 8, 8, 64])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try DCNv3(centerFeatureScale: true)
        #expect(try layer.outputShape(for: [2, 5, 7, 64]) == [2, 5, 7, 64])
        let cost = try layer.cost(for: [2, 5, 7, 64])
        #expect(cost.multiplyAdds > 2 * 64 * 64 * 70)
        #expect(cost.parameters == layer.parameterCount)
    }
}
