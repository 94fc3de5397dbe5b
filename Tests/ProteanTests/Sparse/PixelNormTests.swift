import Testing

@testable import Protean

@Suite struct PixelNormTests {
    @Test(arguments: [[2, 3, 7, 1], [1, 40, 33, 5], [3, 5, 4, 8], [0, 2, 2, 3], [1, 2, 3, 37]])
    func normsFollowTheirDefinitions(_ shape: [Int]) throws {
        let x = try Tensor.random(shape), channels = shape[3]
        let pixels = Swift.stride(from: 0, to: x.count, by: channels).map { start in
            x.elements[start..<start + channels].map { abs(Double($0)) }
        }
        for norm in PixelNorm.allCases {
            let expected = pixels.map { pixel in
                switch norm {
                case .l1: pixel.reduce(0, +)
                case .l2: pixel.reduce(0) { $0 + $1 * $1 }.squareRoot()
                case .maximum: pixel.max() ?? 0
                }
            }
            var first: Tensor?
            for (isa, threads) in allRuntimes {
                let found = try Runtime.with(isa: isa, threads: threads) {
                    try Operations.pixelNorms(x, norm)
                }
                #expect(
                    zip(found.elements, expected).allSatisfy {
                        abs(Double($0) - $1) <= 1e-7 * $1
                    })
                #expect(try (first ?? found).hasBits(of: found))
                first = found
            }
        }
    }

    @Test func changesAreThoseAboveTheThreshold() throws {
        let shape = [2, 9, 70, 3]
        let old = try Tensor.random(shape)
        var values = old.elements
        for (index, pixel) in [3, 64, 69, 70, 500, 1259].enumerated() {
            values[pixel * 3 + index % 3] += Float(index) * 0.1
        }
        values[900] = .nan
        let new = try Tensor(values, shape: shape)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                func changes(_ epsilon: Float, _ within: MaskPlan? = nil) throws -> [Int] {
                    let flags = try MaskPlan(
                        changesOf: new, from: old, above: epsilon, within: within
                    ).flags()
                    return flags.indices.filter { flags[$0] }
                }
                #expect(try changes(0) == [64, 69, 70, 300, 500, 1259])
                #expect(try changes(0.25) == [70, 300, 500, 1259])
                let rows = try MaskPattern.rows.plan(batch: 2, size: Size2d(height: 9, width: 70))
                let flags = try rows.flags()
                #expect(try changes(0, rows) == [64, 69, 70, 300, 500, 1259].filter { flags[$0] })
                #expect(
                    try MaskPlan(changesOf: new, from: new, above: 0).count == 0)
            }
        }
        #expect(throws: ProteanError.self) {
            try MaskPlan(changesOf: new, from: Tensor(zeros: [2, 9, 70, 4]))
        }
        #expect(throws: ProteanError.self) { try MaskPlan(changesOf: new, from: old, above: -1) }
    }
}
