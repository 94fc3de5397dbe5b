import Testing

@testable import Protean

@Suite struct DCNv4Tests {
    struct Case: Sendable, CustomTestStringConvertible {
        var input: [Int]
        var groups: Int
        var kernel = 3
        var scale: Float = 1
        var depthwise: Int?
        var removeCenter = false
        var centerScale = false
        var withoutPointwise = false
        var testDescription: String { "\(input) g\(groups) k\(kernel) \(withoutPointwise)" }

        func layer() throws -> DCNv4 {
            let layer = try DCNv4(
                channels: input[3], kernelSize: Size2d(kernel), padding: Size2d(kernel / 2),
                groups: groups, offsetScale: scale,
                depthwiseKernelSize: depthwise.map { Size2d($0) },
                centerFeatureScale: centerScale, removeCenter: removeCenter,
                withoutPointwise: withoutPointwise)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(input: [2, 7, 4, 6], groups: 2), Case(input: [1, 5, 9, 33], groups: 3, scale: 1.5),
        Case(input: [3, 9, 6, 8], groups: 4, depthwise: 3, removeCenter: true),
        Case(input: [1, 8, 11, 20], groups: 5, kernel: 5, centerScale: true),
        Case(input: [1, 6, 5, 12], groups: 3, withoutPointwise: true),
        Case(input: [0, 4, 5, 4], groups: 1),
    ]

    /// The parts by themselves, the aggregation between them in double precision.
    private static func reference(_ layer: DCNv4, _ x: Tensor) throws -> Tensor {
        func linear(_ name: String, _ x: Tensor) throws -> Tensor {
            guard let part = layer.module(at: name) as? Linear else { return x }
            return try part(x)
        }
        let u = try linear("value_proj", x)
        let filtered = try (layer.module(at: "offset_mask_dw") as? Conv2d)?(x) ?? x
        let given = try linear("offset_mask", filtered)
        let (groups, points) = (layer.aggregation.groups, layer.aggregation.points)
        // Per group 2 · points displacements, then the points' weights; the rest is unused.
        let width = try #require(given.shape.last), values = given.elements
        var offsets: [Float] = [], weights: [Float] = []
        for pixel in 0..<values.count / width {
            for group in 0..<groups {
                let at = pixel * width + group * 3 * points
                offsets += values[at..<at + 2 * points]
                weights += values[at + 2 * points..<at + 3 * points]
            }
        }
        let map = Array(x.shape.dropLast())
        let z = try layer.aggregation.reference(
            u, offset: Tensor(offsets, shape: map + [groups * 2 * points]),
            mask: Tensor(weights, shape: map + [groups * points]))
        var y = try Tensor(z.values.map { Float($0) }, shape: z.shape)
        if let weight = layer.parameter(at: "center_feature_scale_proj_weight"),
            let bias = layer.parameter(at: "center_feature_scale_proj_bias")
        {
            y = try CenterScaleReference.apply(
                z: y, centre: u, from: y, weight.value, bias.value)
        }
        return try linear("output_proj", y)
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

    @Test func aNewLayerGivesItsBias() throws {
        let layer = try DCNv4(channels: 8, groups: 2, seed: 5)
        let bias = try #require(layer.parameter(at: "output_proj.bias")).value.elements
        let y = try layer(Tensor.random([1, 4, 5, 8]))
        #expect(y.elements == (0..<20).flatMap { _ in bias })
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(throws: ProteanError.self) { try DCNv4(channels: 10, groups: 4) }
        #expect(throws: ProteanError.self) { try DCNv4(kernelSize: 1, removeCenter: true) }
        expectRefusal(of: "offsetScale") { _ = try DCNv4(offsetScale: .nan) }
        expectRefusal(of: "stride") { _ = try DCNv4(stride: 0) }
        expectMismatch(of: "x") { _ = try DCNv4()(Tensor(zeros: [1, 8, 8, 32])) }
        // The size must be kept.
        #expect(throws: ProteanError.self) { try DCNv4(padding: 0)(Tensor(zeros: [1, 8, 8, 64])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try DCNv4()
        #expect(try layer.outputShape(for: [2, 5, 7, 64]) == [2, 5, 7, 64])
        let cost = try layer.cost(for: [2, 5, 7, 64])
        #expect(cost.multiplyAdds > 2 * 64 * 64 * 70)
        #expect(cost.parameters == layer.parameterCount)
    }
}
