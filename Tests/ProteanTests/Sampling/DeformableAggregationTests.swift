import CReference
import Testing

@testable import Protean

@Suite struct DeformableAggregationTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var groups: Int
        var kernel = 3
        var stride = 1
        var padding = 1
        var dilation = 1
        var scale: Float = 1
        var removeCenter = false

        var testDescription: String {
            "\(input) g\(groups) k\(kernel) s\(stride) p\(padding) d\(dilation) x\(scale) "
                + "\(removeCenter)"
        }

        func aggregation() throws -> DeformableAggregation {
            try DeformableAggregation(
                groups: groups, kernelSize: Size2d(kernel), stride: Size2d(stride),
                padding: Size2d(padding), dilation: Size2d(dilation), offsetScale: scale,
                removeCenter: removeCenter)
        }

        func tensors() throws -> (x: Tensor, offset: Tensor, mask: Tensor) {
            let aggregation = try aggregation()
            let map = try aggregation.outputMap(for: input, layer: "test")
            let entries = aggregation.groups * aggregation.points
            return (
                try Tensor.random(input),
                try Initializer.uniform(map + [2 * entries], in: -3...3, seed: 4),
                try Initializer.uniform(map + [entries], in: -1...1, seed: 5)
            )
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1], groups: 1),
        Case(input: [2, 7, 4, 34], groups: 2),
        Case(input: [3, 9, 6, 48], groups: 3, kernel: 5, padding: 4, dilation: 2, scale: 0.5),
        Case(
            input: [1, 11, 8, 20], groups: 4, stride: 2, padding: 0, scale: 2, removeCenter: true),
        Case(input: [1, 40, 33, 64], groups: 4),
        Case(input: [0, 4, 4, 6], groups: 3),
    ]

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        let aggregation = try test.aggregation()
        let map = try aggregation.outputMap(for: test.input, layer: "test")
        let (x, offset, mask) = try test.tensors()
        var p = reference_aggregate(
            n: test.input[0], h: test.input[1], w: test.input[2], c: test.input[3],
            groups: test.groups, k: test.kernel, stride: test.stride, pad: test.padding,
            dilation: test.dilation, oh: map[1], ow: map[2],
            remove_center: test.removeCenter ? 1 : 0, scale: Double(test.scale))
        var expected = [Double](repeating: 0, count: map.reduce(1, *) * test.input[3])
        reference_deform_aggregate(
            &p, x.elements, offset.elements, mask.elements, &expected)
        let packed = try Self.packed(offset, mask, aggregation)
        try MapTest.everywhere {
            try Operations.deformAggregate(x, offset: offset, mask: mask, aggregation)
        } check: { isa, y in
            MapTest.expect(
                y, shape: map + [test.input[3]], expected, tolerance: 2e-5, "\(isa)")
            let other = try Runtime.with(isa: isa, threads: 2) {
                try Operations.deformAggregate(x, offsetMask: packed, aggregation)
            }
            #expect(other.isBitEqual(to: y), "\(isa)")
        }
    }

    /// As DCNv4 lays them out: per group 2 P offsets, then P weights; three channels too many.
    private static func packed(
        _ offset: Tensor, _ mask: Tensor, _ aggregation: DeformableAggregation
    ) throws -> Tensor {
        let (points, groups) = (aggregation.points, aggregation.groups)
        let (o, m) = (offset.elements, mask.elements)
        var values: [Float] = []
        for pixel in 0..<mask.count / max(points * groups, 1) {
            for group in pixel * groups..<(pixel + 1) * groups {
                values += o[group * 2 * points..<(group + 1) * 2 * points]
                values += m[group * points..<(group + 1) * points]
            }
            values += [.nan, .nan, .nan]
        }
        return try Tensor(values, shape: mask.shape.dropLast() + [3 * groups * points + 3])
    }

    /// Maps beyond the caches are fetched ahead; one image alone is not.
    @Test(arguments: [
        Case(input: [4, 61, 59, 64], groups: 4),
        Case(input: [4, 81, 79, 64], groups: 2, stride: 2, padding: 0, dilation: 2),
    ])
    func imagesOfALargeBatchEqualEachAlone(_ test: Case) throws {
        let aggregation = try test.aggregation()
        let (x, offset, mask) = try test.tensors()
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let together = try Operations.deformAggregate(
                    x, offset: offset, mask: mask, aggregation)
                for i in 0..<4 {
                    let alone = try Operations.deformAggregate(
                        x.sample(i), offset: offset.sample(i), mask: mask.sample(i), aggregation)
                    #expect(try together.sample(i).isBitEqual(to: alone), "\(isa) \(threads)")
                }
            }
        }
    }

    @Test func aNewDCNv3AveragesItsNeighbours() throws {
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

    @Test func aNewDCNv4GivesItsBias() throws {
        let layer = try DCNv4(channels: 8, groups: 2, seed: 5)
        let bias = try #require(layer.parameter(at: "output_proj.bias")).value.elements
        let y = try layer(Tensor.random([1, 4, 5, 8]))
        #expect(y.elements == (0..<20).flatMap { _ in bias })
    }

    @Test func wrongOptionsAreRefused() {
        #expect(throws: ProteanError.self) { try DCNv3(channels: 10, groups: 4) }
        #expect(throws: ProteanError.self) { try DCNv3(groups: 0) }
        #expect(throws: ProteanError.self) { try DCNv3(kernelSize: 4, removeCenter: true) }
        #expect(throws: ProteanError.self) { try DCNv4(kernelSize: 1, removeCenter: true) }
        #expect(throws: ProteanError.self) { try DCNv4(offsetScale: .nan) }
        #expect(throws: ProteanError.self) { try DCNv4(stride: 0) }
    }

    @Test func sizesMustBeKept() throws {
        let x = try Tensor(zeros: [1, 8, 8, 64])
        #expect(throws: ProteanError.self) { try DCNv3(stride: 2)(x) }
        #expect(throws: ProteanError.self) { try DCNv4(padding: 0)(x) }
        #expect(throws: ProteanError.self) { try DCNv3()(Tensor(zeros: [1, 8, 8, 32])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        for layer in [try DCNv3(centerFeatureScale: true), try DCNv4()] as [any Layer] {
            #expect(try layer.outputShape(for: [2, 5, 7, 64]) == [2, 5, 7, 64])
            #expect(try layer.cost(for: [2, 5, 7, 64]).multiplyAdds > 2 * 64 * 64 * 70)
        }
    }
}

@Suite struct LayerNormTests {
    @Test(arguments: [1, 3, 7, 16, 17, 33, 100], [0, 1, 3])
    func agreesWithDoubleLoopsEverywhere(channels: Int, batch: Int) throws {
        let norm = try LayerNorm(channels: channels, epsilon: 1e-3)
        try norm.weight.set(Tensor.random([channels], seed: 2))
        try norm.bias.set(Tensor.random([channels], seed: 3))
        let x = try MapTest.tensor([batch, 5, 9, channels])
        let (w, b) = (norm.weight.value.elements, norm.bias.value.elements)
        var expected: [Double] = []
        for row in 0..<batch * 45 {
            let values = x.elements[row * channels..<(row + 1) * channels].map(Double.init)
            let mean = values.reduce(0, +) / Double(channels)
            let variance =
                values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
            for (c, value) in values.enumerated() {
                let scaled = (value - mean) / (variance + Double(Float(1e-3))).squareRoot()
                expected.append(max(scaled * Double(w[c]) + Double(b[c]), 0))
            }
        }
        try MapTest.everywhere {
            try norm(x, activation: .relu)
        } check: { isa, y in
            MapTest.expect(y, shape: x.shape, expected, tolerance: 3e-6, "\(isa)")
        }
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try LayerNorm(channels: 0) }
        #expect(throws: ProteanError.self) { try LayerNorm(channels: 3, epsilon: -1) }
        let norm = try LayerNorm(channels: 3)
        #expect(throws: ProteanError.self) { try norm(Tensor(zeros: [2, 4])) }
        #expect(try norm(Tensor(repeating: .nan, shape: [1, 3])).elements.allSatisfy { $0.isNaN })
    }
}
