import Testing

@testable import Protean

@Suite struct CARAFETests {
    static let cases: [(map: [Int], kernel: Int, groups: Int, factor: Int)] = [
        ([2, 3, 3, 64], 5, 4, 2), ([1, 4, 7, 3], 3, 1, 3), ([3, 5, 4, 34], 7, 2, 1),
        ([0, 4, 5, 2], 3, 1, 2), ([1, 6, 5, 17], 5, 1, 4),
    ]

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(
        _ test: (map: [Int], kernel: Int, groups: Int, factor: Int)
    ) throws {
        let layer = try CARAFE(kernelSize: test.kernel, groups: test.groups, factor: test.factor)
        let x = try MapTest.tensor(test.map, seed: 1), s = test.factor
        let mask = try MapTest.tensor(
            [
                test.map[0], s * test.map[1], s * test.map[2],
                test.groups * test.kernel * test.kernel,
            ], seed: 2)
        let reference = PixelFilterReference(
            filter: try PixelFilter(
                window: SlidingWindow(
                    kernelSize: Size2d(test.kernel), padding: Size2d(test.kernel / 2)),
                groups: test.groups, factor: s),
            x: x, filters: mask)
        let expected = reference.values()
        try MapTest.everywhere {
            try layer(x, mask: mask)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func aKernelOfTheCentreIsNearestUpsampling() throws {
        for factor in 1...4 {
            let layer = try CARAFE(kernelSize: 5, groups: 2, factor: factor)
            let x = try Tensor.random([2, 4, 7, 6])
            let pixels = 2 * 4 * factor * 7 * factor
            let kernel = (0..<50).map { Float($0 % 25 == 12 ? 1 : 0) }
            let mask = try Tensor(
                Array(repeatElement(kernel, count: pixels).joined()),
                shape: [2, 4 * factor, 7 * factor, 50])
            let nearest = try Resize(scale: Scale2d(Double(factor)), mode: .nearest)(x)
            #expect(try layer(x, mask: mask).elements == nearest.elements)
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "kernelSize") { _ = try CARAFE(kernelSize: 4, factor: 2) }
        expectRefusal(of: "groups") { _ = try CARAFE(kernelSize: 3, groups: 0, factor: 2) }
        expectRefusal(of: "factor") { _ = try CARAFE(kernelSize: 3, factor: 0) }
        let layer = try CARAFE(kernelSize: 3, groups: 2, factor: 2)
        expectMismatch(of: "mask") {
            _ = try layer(Tensor(zeros: [1, 4, 5, 2]), mask: Tensor(zeros: [1, 4, 5, 18]))
        }
        expectMismatch(of: "x") {
            _ = try layer(Tensor(zeros: [1, 4, 5, 3]), mask: Tensor(zeros: [1, 8, 10, 18]))
        }
        expectRefusal(of: "inputs") {
            _ = try layer(Tensor(zeros: [1, 4, 5, 2]), with: [], epilogue: Conv2dEpilogue())
        }
    }

    @Test func costNeedsNoValues() throws {
        let layer = try CARAFE(kernelSize: 5, factor: 2), trace = Trace()
        let y = try trace.recording {
            try layer(
                Tensor(shapeOnly: [1, 4, 5, 6]), mask: Tensor(shapeOnly: [1, 8, 10, 25]))
        }
        #expect(y.shape == [1, 8, 10, 6])
        #expect(trace.totalCost.multiplyAdds == 8 * 10 * 6 * 25)
    }
}
