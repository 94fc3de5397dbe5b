import Testing

@testable import Protean

@Suite struct PixelUnshuffleTests {
    @Test(arguments: [
        ([2, 3, 5, 7], 2), ([1, 4, 3, 1], 3), ([3, 2, 7, 17], 1), ([0, 2, 3, 3], 2),
        ([1, 21, 34, 33], 2),
    ])
    func agreesWithItsFormulaEverywhere(_ map: [Int], _ r: Int) throws {
        let (n, h, w, c) = (map[0], map[1], map[2], map[3])
        let x = try MapTest.tensor([n, h * r, w * r, c], seed: 65)
        let a = x.elements
        var expected: [Double] = []
        for pixel in 0..<n * h * w {
            let (j, i, b) = (pixel % w, pixel / w % h, pixel / w / h)
            for channel in 0..<c * r * r {
                let (row, column) = (i * r + channel / r % r, j * r + channel % r)
                let source = (b * h * r + row) * w * r + column
                expected.append(Double(a[source * c + channel / (r * r)]))
            }
        }
        let layer = try PixelUnshuffle(factor: r)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, h, w, c * r * r], expected, tolerance: 0, "\(isa)")
        }
        #expect(try layer.outputShape(for: x.shape) == [n, h, w, c * r * r])
        #expect(try PixelShuffle(factor: r)(layer(x)).isBitEqual(to: x))
    }

    @Test func costCountsBytesOnly() throws {
        #expect(
            try PixelUnshuffle(factor: 2).cost(for: [1, 4, 6, 4]) == Cost(bytes: 2 * 96 * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for factor in [0, -1, .max] {
            expectRefusal(of: "factor") { _ = try PixelUnshuffle(factor: factor) }
        }
        let layer = try PixelUnshuffle(factor: 2)
        for shape in [[1, 3, 4, 6], [1, 4, 3, 6], [4, 4, 4]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
