import Testing

@testable import Protean

@Suite struct PixelShuffleTests {
    @Test(arguments: [
        ([2, 3, 5, 7], 2), ([1, 4, 3, 1], 3), ([3, 2, 7, 17], 1), ([0, 2, 3, 3], 2),
        ([1, 21, 34, 33], 2),
    ])
    func agreesWithItsFormulaEverywhere(_ map: [Int], _ r: Int) throws {
        let (n, h, w, c) = (map[0], map[1], map[2], map[3])
        let x = try MapTest.tensor([n, h, w, c * r * r], seed: 64)
        let a = x.elements
        var expected: [Double] = []
        for pixel in 0..<n * h * r * w * r {
            let (j, i) = (pixel % (w * r), pixel / (w * r) % (h * r))
            let source = (pixel / (w * r) / (h * r) * h + i / r) * w + j / r
            for k in 0..<c {
                let channel = k * r * r + i % r * r + j % r
                expected.append(Double(a[source * c * r * r + channel]))
            }
        }
        let layer = try PixelShuffle(factor: r)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, h * r, w * r, c], expected, tolerance: 0, "\(isa)")
        }
        #expect(try layer.outputShape(for: x.shape) == [n, h * r, w * r, c])
    }

    @Test func aFactorOfOneKeepsTheMap() throws {
        let x = try Tensor.random([2, 3, 5, 7])
        #expect(try PixelShuffle(factor: 1)(x).isBitEqual(to: x))
    }

    @Test func costCountsBytesOnly() throws {
        #expect(
            try PixelShuffle(factor: 2).cost(for: [1, 3, 4, 8]) == Cost(bytes: 2 * 96 * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for factor in [0, -1, .max] {
            expectRefusal(of: "factor") { _ = try PixelShuffle(factor: factor) }
        }
        let layer = try PixelShuffle(factor: 2)
        for shape in [[1, 3, 4, 6], [3, 4, 4]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
