import Testing

@testable import Protean

@Suite struct DynamicLocalFilterTests {
    static let cases: [(map: [Int], kernel: Size2d, softmax: Bool, groups: Int)] = [
        ([2, 5, 7, 3], 9, true, 1), ([1, 6, 4, 1], 3, false, 1), ([3, 4, 9, 33], 5, true, 3),
        ([0, 4, 5, 2], 3, false, 1), ([1, 7, 8, 17], Size2d(height: 1, width: 9), false, 1),
    ]

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(
        _ test: (map: [Int], kernel: Size2d, softmax: Bool, groups: Int)
    ) throws {
        let layer = try DynamicLocalFilter(
            kernelSize: test.kernel, softmax: test.softmax, groups: test.groups)
        let taps = test.kernel.height * test.kernel.width
        let x = try MapTest.tensor(test.map, seed: 1)
        let filters = try MapTest.tensor(test.map.dropLast() + [test.groups * taps], seed: 2)
        let reference = PixelFilterReference(
            filter: try PixelFilter(
                window: SlidingWindow(
                    kernelSize: test.kernel,
                    padding: Size2d(height: test.kernel.height / 2, width: test.kernel.width / 2)),
                groups: test.groups, normalization: test.softmax ? .softmax : .none),
            x: x, filters: filters)
        let expected = reference.values()
        try MapTest.everywhere {
            try layer(x, filters: filters)
        } check: { isa, y in
            MapTest.expect(y, shape: test.map, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    /// Equal values make a box filter, zeros outside counted.
    @Test func equalValuesAreABoxFilter() throws {
        let x = try Tensor.random([2, 6, 9, 5])
        let mean = try AvgPool2d(kernelSize: 5, stride: 1, padding: 2)(x)
        let given = try Tensor(repeating: 1 / 25, shape: [2, 6, 9, 25])
        let softened = try Tensor(repeating: -3, shape: [2, 6, 9, 25])
        for (layer, filters) in [
            (try DynamicLocalFilter(kernelSize: 5), given),
            (try DynamicLocalFilter(kernelSize: 5, softmax: true), softened),
        ] {
            let y = try layer(x, filters: filters)
            MapTest.expect(y, shape: x.shape, mean.elements.map(Double.init), tolerance: 1e-6)
        }
    }

    /// The layer as a part of a network that predicts its filters.
    @Test func aConvolutionCanPredictTheFilters() throws {
        let predictor = try Conv2d(inputChannels: 4, outputChannels: 9, kernelSize: 1, seed: 3)
        let filter = try DynamicLocalFilter(kernelSize: 3, softmax: true)
        let block = try SelfConditioned(filter, from: [("predictor", predictor)])
        let x = try Tensor.random([1, 5, 6, 4])
        let expected = try filter(x, filters: predictor(x))
        #expect(try block(x).isBitEqual(to: expected))
        #expect(try block.outputShape(for: [2, 7, 9, 4]) == [2, 7, 9, 4])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "kernelSize") { _ = try DynamicLocalFilter(kernelSize: 4) }
        expectRefusal(of: "kernelSize") { _ = try DynamicLocalFilter(kernelSize: 0) }
        expectRefusal(of: "groups") { _ = try DynamicLocalFilter(groups: 0) }
        let layer = try DynamicLocalFilter(kernelSize: 3)
        let x = try Tensor(zeros: [1, 4, 5, 2])
        expectMismatch(of: "filters") { _ = try layer(x, filters: Tensor(zeros: [1, 5, 4, 9])) }
        expectMismatch(of: "x") {
            _ = try layer(Tensor(zeros: [4, 5]), filters: Tensor(zeros: [1, 4, 5, 9]))
        }
        expectRefusal(of: "inputs") { _ = try layer(x, with: [], epilogue: Conv2dEpilogue()) }
    }

    @Test func costNeedsNoValues() throws {
        let layer = try DynamicLocalFilter(kernelSize: 3), trace = Trace()
        _ = try trace.recording {
            try layer(
                Tensor(shapeOnly: [2, 4, 5, 6]), filters: Tensor(shapeOnly: [2, 4, 5, 9]))
        }
        #expect(trace.totalCost.multiplyAdds == 2 * 4 * 5 * 6 * 9)
        #expect(trace.totalCost.bytes == 4 * 2 * 4 * 5 * (6 + 6 + 9))
    }
}
