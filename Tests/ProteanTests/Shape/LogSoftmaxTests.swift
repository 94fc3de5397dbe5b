import Testing

@testable import Protean

@Suite struct LogSoftmaxTests {
    @Test(arguments: [
        [3, 5, 7, 17], [2, 1], [1, 1000], [0, 4], [4, 0], [5, 2, 33], [7], [40, 25, 30],
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 123, range: 15)
        let expected = SoftmaxKernelTests.reference(x, logarithm: true)
        try MapTest.everywhere {
            try LogSoftmax()(x)
        } check: { isa, y in
            // The sum of up to a thousand terms: a few units in the last place.
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-7, "\(isa)")
        }
    }

    @Test func aShiftChangesNothing() throws {
        let x = try Tensor([1, 2, 4, 1025, 1026, 1028], shape: [2, 3])
        let y = try LogSoftmax()(x).elements
        #expect(Array(y[..<3]) == Array(y[3...]))
    }

    @Test func tinySharesKeepTheirLogarithms() throws {
        // The share e⁻²⁰⁰ is no number of single precision; its logarithm is.
        let y = try LogSoftmax()(Tensor([0, 200], shape: [1, 2])).elements
        #expect(y == [-200, 0])
    }

    @Test func aRowWithoutANumberIsNone() throws {
        let y = try LogSoftmax()(Tensor([1, .nan, 2, 3], shape: [2, 2])).elements
        #expect(y.map(\.isNaN) == [true, true, false, false])
    }

    @Test func costAndShapeNeedNoValues() throws {
        #expect(try LogSoftmax().outputShape(for: [2, 3, 4, 5]) == [2, 3, 4, 5])
        #expect(try LogSoftmax().cost(for: [2, 3, 4, 5]) == Cost(bytes: 2 * 120 * 4))
    }
}
