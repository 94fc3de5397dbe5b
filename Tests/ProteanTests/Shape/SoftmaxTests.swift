import Testing

@testable import Protean

@Suite struct SoftmaxTests {
    @Test(arguments: [
        [3, 5, 7, 17], [2, 1], [1, 1000], [0, 4], [4, 0], [5, 2, 33], [7], [40, 25, 30],
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 122, range: 15)
        let expected = SoftmaxKernelTests.reference(x, logarithm: false)
        try MapTest.everywhere {
            try Softmax()(x)
        } check: { isa, y in
            // eˣ and the sum of up to a thousand terms: a few units in the last place.
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-7, "\(isa)")
        }
    }

    @Test func aShiftChangesNothing() throws {
        let x = try Tensor([1, 2, 4, 1025, 1026, 1028], shape: [2, 3])
        let y = try Softmax()(x).elements
        #expect(Array(y[..<3]) == Array(y[3...]))
    }

    @Test func aRowWithoutANumberIsNone() throws {
        let y = try Softmax()(Tensor([1, .nan, 2, 3], shape: [2, 2])).elements
        #expect(y.map(\.isNaN) == [true, true, false, false])
    }

    @Test func costAndShapeNeedNoValues() throws {
        #expect(try Softmax().outputShape(for: [2, 3, 4, 5]) == [2, 3, 4, 5])
        #expect(try Softmax().cost(for: [2, 3, 4, 5]) == Cost(bytes: 2 * 120 * 4))
    }
}
