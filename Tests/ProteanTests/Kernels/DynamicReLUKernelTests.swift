import Testing

@testable import Protean

@Suite struct DynamicReLUKernelTests {
    static let maps: [[Int]] = [
        [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 130], [0, 2, 2, 4], [2, 33, 30, 12],
        [2, 3, 3, 300],
    ]

    static func reference(
        _ x: Tensor, _ coefficients: Tensor, _ spatial: Tensor?
    ) -> [Double] {
        let a = x.elements, k = coefficients.elements, f = spatial?.elements
        let c = x.shape[3], perSample = x.shape[1] * x.shape[2] * c
        let rows = coefficients.shape[1], width = coefficients.shape[2]
        return a.indices.map { i in
            let at = i / perSample * rows * width + (width == 1 ? 0 : i % c)
            let pieces = (0..<rows / 2).map {
                Double(a[i]) * Double(k[at + $0 * width]) + Double(k[at + ($0 + rows / 2) * width])
            }
            return (pieces.max() ?? 0) * Double(f?[i / c] ?? 1)
        }
    }

    @Test(arguments: maps, 1...4) func agreesWithDouble(_ shape: [Int], _ pieces: Int) throws {
        let x = try MapTest.tensor(shape, seed: 111)
        let factor = try MapTest.tensor(Array(shape[..<3]) + [1], seed: 112, range: 1)
        for width in Set([shape[3], 1]) {
            let k = try MapTest.tensor([shape[0], 2 * pieces, width], seed: 113, range: 1.5)
            for spatial in [nil, factor] {
                let expected = Self.reference(x, k, spatial)
                try MapTest.everywhere {
                    try Operations.dynamicReLU(x, coefficients: k, spatial: spatial)
                } check: { isa, y in
                    MapTest.expect(
                        y, shape: shape, expected, tolerance: 2e-6,
                        "\(isa) width \(width) spatial \(spatial != nil)")
                }
            }
        }
    }

    @Test func plainReLUIsASpecialCase() throws {
        let x = try Tensor([-2, 3, .nan, -1], shape: [1, 1, 2, 2])
        let k = try Tensor([1, 0, 0, 0], shape: [1, 4, 1])
        let y = try Operations.dynamicReLU(x, coefficients: k).elements
        #expect(y[0] == 0 && y[1] == 3 && y[2].isNaN && y[3] == 0)
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [2, 3, 4, 5])
        for shape in [[2, 3, 5], [2, 10, 5], [2, 0, 5], [1, 4, 5], [2, 4, 4], [2, 20]] {
            #expect(throws: ProteanError.self) {
                try Operations.dynamicReLU(x, coefficients: Tensor(zeros: shape))
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.dynamicReLU(
                x, coefficients: Tensor(zeros: [2, 4, 5]), spatial: Tensor(zeros: [2, 3, 4]))
        }
    }
}
