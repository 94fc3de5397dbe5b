import Testing

@testable import Protean

@Suite struct AdaptiveAvgPool2dTests {
    /// The cells' means in double precision.
    private static func reference(_ x: Tensor, _ rows: Int, _ columns: Int) -> [Double] {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let values = x.elements
        func part(_ i: Int, _ size: Int, _ count: Int) -> Range<Int> {
            (i * size / count)..<(((i + 1) * size + count - 1) / count)
        }
        var result: [Double] = []
        for index in 0..<n * rows * columns * c {
            let (k, j) = (index % c, index / c % columns)
            let (i, b) = (index / c / columns % rows, index / c / columns / rows)
            var sum = 0.0, count = 0.0
            for y in part(i, h, rows) {
                for z in part(j, w, columns) {
                    sum += Double(values[((b * h + y) * w + z) * c + k])
                    count += 1
                }
            }
            result.append(sum / count)
        }
        return result
    }

    @Test(
        arguments: [
            ([2, 7, 5, 17], 3, 2), ([1, 10, 13, 3], 7, 7), ([1, 3, 4, 33], 5, 6),
            ([3, 6, 6, 1], 1, 1), ([0, 6, 6, 4], 2, 2), ([2, 9, 4, 7], nil, 3),
            ([1, 5, 8, 3], 2, nil), ([1, 5, 8, 3], nil, nil),
        ] as [([Int], Int?, Int?)])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int], _ height: Int?, _ width: Int?) throws {
        let layer = try AdaptiveAvgPool2d(height: height, width: width)
        let x = try MapTest.tensor(shape, seed: 26)
        let (rows, columns) = (height ?? shape[1], width ?? shape[2])
        let expected = Self.reference(x, rows, columns)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [shape[0], rows, columns, shape[3]], expected, "\(isa)")
        }
        #expect(try layer.outputShape(for: shape) == [shape[0], rows, columns, shape[3]])
    }

    @Test func itsOwnSizeKeepsTheMap() throws {
        let x = try Tensor.random([2, 5, 3, 7])
        let layer = try AdaptiveAvgPool2d(outputSize: Size2d(height: 5, width: 3))
        #expect(try layer(x).isBitEqual(to: x))
        #expect(try AdaptiveAvgPool2d(height: nil, width: nil)(x).isBitEqual(to: x))
    }

    @Test func oneCellIsTheWholeMapsMean() throws {
        let x = try Tensor.random([2, 5, 3, 7])
        let whole = try GlobalAveragePool2d()(x)
        let cell = try AdaptiveAvgPool2d(outputSize: 1)(x)
        MapTest.expect(
            cell, shape: [2, 1, 1, 7], whole.elements.map(Double.init), tolerance: 1e-6)
    }

    @Test func costCountsBytesOnly() throws {
        let cost = try AdaptiveAvgPool2d(outputSize: 2).cost(for: [1, 6, 5, 3])
        #expect(cost == Cost(bytes: (30 + 4) * 3 * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "outputSize") { _ = try AdaptiveAvgPool2d(outputSize: Size2d(-1)) }
        expectRefusal(of: "outputSize") { _ = try AdaptiveAvgPool2d(height: -1, width: nil) }
        let layer = try AdaptiveAvgPool2d(outputSize: 2)
        for shape in [[5, 5, 1], [1, 0, 5, 1]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
