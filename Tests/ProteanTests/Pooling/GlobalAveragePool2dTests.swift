import Testing

@testable import Protean

@Suite struct GlobalAveragePool2dTests {
    @Test(arguments: [
        [2, 7, 5, 17], [1, 1, 1, 3], [3, 40, 31, 1], [1, 7, 7, 200], [0, 3, 3, 8], [2, 3, 3, 0],
        [1, 23, 11, 130],
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 42)
        let values = x.elements
        let (pixels, c) = (shape[1] * shape[2], shape[3])
        var means = [Double](repeating: 0, count: shape[0] * c)
        for (i, value) in values.enumerated() {
            means[i / (pixels * c) * c + i % c] += Double(value) / Double(pixels)
        }
        try MapTest.everywhere {
            try GlobalAveragePool2d()(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [shape[0], c], means, "\(isa)")
        }
        #expect(try GlobalAveragePool2d().outputShape(for: shape) == [shape[0], c])
    }

    @Test func onePixelIsItsOwnMean() throws {
        let x = try Tensor.random([3, 1, 1, 7])
        #expect(try GlobalAveragePool2d()(x).elements == x.elements)
    }

    @Test func aValueThatIsNotANumberSpoilsItsChannelOnly() throws {
        var values = [Float](repeating: 1, count: 2 * 12 * 3)
        values[36 + 3 * 5 + 1] = .nan
        let y = try GlobalAveragePool2d()(Tensor(values, shape: [2, 4, 3, 3]))
        #expect(y.elements.map(\.isNaN) == [false, false, false, false, true, false])
    }

    @Test func costCountsBytesOnly() throws {
        let cost = try GlobalAveragePool2d().cost(for: [2, 3, 5, 7])
        #expect(cost == Cost(bytes: (2 * 15 * 7 + 2 * 7) * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for shape in [[1, 0, 3, 2], [3, 3, 2], [1, 3, 0, 2]] {
            #expect(throws: ProteanError.self) {
                try GlobalAveragePool2d()(Tensor(zeros: shape))
            }
        }
    }
}
