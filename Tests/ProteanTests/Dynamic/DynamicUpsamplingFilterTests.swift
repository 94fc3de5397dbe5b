import Testing

@testable import Protean

@Suite struct DynamicUpsamplingFilterTests {
    struct Case: Sendable {
        var map: [Int]
        var factor = 4
        var kernel = 5
        var softmax = true
        var hasResidual = true
    }

    static let cases = [
        Case(map: [2, 5, 4, 3]), Case(map: [1, 4, 7, 1], factor: 3, hasResidual: false),
        Case(map: [3, 6, 5, 3], factor: 2, kernel: 3, softmax: false),
        Case(map: [1, 3, 4, 17], factor: 2, kernel: 3), Case(map: [0, 3, 4, 3], factor: 2),
        Case(map: [1, 4, 3, 3], factor: 1, kernel: 9),
    ]

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(_ test: Case) throws {
        let layer = try DynamicUpsamplingFilter(
            factor: test.factor, kernelSize: test.kernel, softmax: test.softmax)
        let pixels = Array(test.map.dropLast()), outputs = test.factor * test.factor
        let x = try MapTest.tensor(test.map, seed: 1)
        let filters = try MapTest.tensor(
            pixels + [test.kernel * test.kernel * outputs], seed: 2)
        let residual =
            test.hasResidual ? try MapTest.tensor(pixels + [outputs * test.map[3]], seed: 3) : nil
        let reference = PixelFilterReference(
            filter: try PixelFilter(
                window: SlidingWindow(
                    kernelSize: Size2d(test.kernel), padding: Size2d(test.kernel / 2)),
                factor: test.factor, normalization: test.softmax ? .softmax : .none,
                order: .beforeShuffle),
            x: x, filters: filters, residual: residual)
        let expected = reference.values()
        try MapTest.everywhere {
            try layer(x, filters: filters, residual: residual)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func aFilterOfTheCentreIsNearestUpsampling() throws {
        let layer = try DynamicUpsamplingFilter(factor: 3, softmax: false)
        let x = try Tensor.random([2, 4, 5, 3])
        let filter = (0..<225).map { Float($0 / 9 == 12 ? 1 : 0) }
        let filters = try Tensor(
            Array(repeatElement(filter, count: 40).joined()), shape: [2, 4, 5, 225])
        let nearest = try Resize(scale: 3, mode: .nearest)(x)
        #expect(try layer(x, filters: filters).elements == nearest.elements)
    }

    /// A residual of zero filters' size is the image that depth-to-space makes of it.
    @Test func theResidualIsSortedByOutputPixel() throws {
        let layer = try DynamicUpsamplingFilter(factor: 2, kernelSize: 3)
        let residual = try Tensor.random([1, 3, 4, 12])
        let y = try layer(
            Tensor(zeros: [1, 3, 4, 3]), filters: Tensor(zeros: [1, 3, 4, 36]),
            residual: residual)
        for row in 0..<6 {
            for column in 0..<8 {
                for c in 0..<3 {
                    let position = row / 2 * 4 + column / 2, q = row % 2 * 2 + column % 2
                    #expect(
                        y.elements[(row * 8 + column) * 3 + c]
                            == residual.elements[position * 12 + q * 3 + c])
                }
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "factor") { _ = try DynamicUpsamplingFilter(factor: 0) }
        expectRefusal(of: "kernelSize") { _ = try DynamicUpsamplingFilter(kernelSize: 4) }
        let layer = try DynamicUpsamplingFilter(factor: 2, kernelSize: 3)
        let x = try Tensor(zeros: [1, 3, 4, 3]), filters = try Tensor(zeros: [1, 3, 4, 36])
        expectMismatch(of: "filters") { _ = try layer(x, filters: Tensor(zeros: [1, 3, 4, 9])) }
        // An image is not in the residual's order.
        expectMismatch(of: "residual") {
            _ = try layer(x, filters: filters, residual: Tensor(zeros: [1, 6, 8, 3]))
        }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [3, 4]), filters: filters) }
        expectRefusal(of: "inputs") { _ = try layer(x, with: [], epilogue: Conv2dEpilogue()) }
    }

    @Test func costNeedsNoValues() throws {
        let layer = try DynamicUpsamplingFilter(), trace = Trace()
        let y = try trace.recording {
            try layer(Tensor(shapeOnly: [1, 4, 5, 3]), filters: Tensor(shapeOnly: [1, 4, 5, 400]))
        }
        #expect(y.shape == [1, 16, 20, 3])
        #expect(trace.totalCost.multiplyAdds == 3 * 25 * 16 * 20)
    }
}
