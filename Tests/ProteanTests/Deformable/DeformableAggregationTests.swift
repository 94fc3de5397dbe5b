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
        let (x, offset, mask) = try test.tensors()
        let expected = try aggregation.reference(x, offset: offset, mask: mask)
        let packed = try Self.packed(offset, mask, aggregation)
        try MapTest.everywhere {
            try Operations.deformAggregate(x, offset: offset, mask: mask, aggregation)
        } check: { isa, y in
            MapTest.expect(
                y, shape: expected.shape, expected.values, tolerance: 2e-5, "\(isa)")
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
}
