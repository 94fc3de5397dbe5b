import Testing

@testable import Protean

@Suite struct DecoupledDynamicFilterTests {
    struct Case: Sendable {
        var map: [Int]
        var kernel = 3
        var stride = 1
        var dilation = 1
        var heads = 1
        var combination = PixelFilter.Combination.multiply

        func layer() throws -> DecoupledDynamicFilter {
            try DecoupledDynamicFilter(
                kernelSize: kernel, stride: stride, dilation: dilation, heads: heads,
                combination: combination)
        }
        var spatialShape: [Int] {
            [map[0], map[1] / stride, map[2] / stride, heads * kernel * kernel]
        }
    }

    static let cases = [
        Case(map: [2, 5, 7, 17]), Case(map: [1, 5, 7, 33], combination: .add),
        Case(map: [3, 6, 8, 6], kernel: 5, stride: 2, dilation: 2, heads: 3),
        Case(map: [1, 6, 9, 40], stride: 3, combination: .add),
        Case(map: [0, 4, 5, 4]), Case(map: [1, 4, 6, 1], kernel: 7),
    ]

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(_ test: Case) throws {
        let layer = try test.layer(), taps = test.kernel * test.kernel
        let x = try MapTest.tensor(test.map, seed: 1)
        let channel = try MapTest.tensor(
            [test.map[0], test.map[3], test.kernel, test.kernel], seed: 2)
        let spatial = try MapTest.tensor(test.spatialShape, seed: 3)
        let byTap = try Operations.permute(
            channel.reshaped(to: [test.map[0], test.map[3], taps]), [0, 2, 1])
        let padding = test.kernel / 2 * test.dilation
        let reference = PixelFilterReference(
            filter: try PixelFilter(
                window: SlidingWindow(
                    kernelSize: Size2d(test.kernel), dilation: Size2d(test.dilation),
                    padding: Size2d(padding), stride: Size2d(test.stride)),
                groups: test.heads, combination: test.combination),
            x: x, filters: spatial, channelFilters: byTap)
        let expected = reference.values()
        try MapTest.everywhere {
            try layer(x, channelFilter: channel, spatialFilter: spatial)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, expected, tolerance: 1e-5, "\(isa)")
        }
        let flat = try channel.reshaped(to: [test.map[0], test.map[3] * taps])
        let again = try layer(x, channelFilter: flat, spatialFilter: spatial)
        let first = try layer(x, channelFilter: channel, spatialFilter: spatial)
        #expect(again.isBitEqual(to: first))
    }

    /// With ones for channels, or zeros to add, only the spatial filters are left.
    @Test func neutralChannelFiltersLeaveTheSpatialOnes() throws {
        let x = try Tensor.random([2, 5, 9, 12]), spatial = try Tensor.random([2, 5, 9, 9], seed: 2)
        let expected = try DynamicLocalFilter(kernelSize: 3)(x, filters: spatial)
        for (combination, value) in [(PixelFilter.Combination.multiply, Float(1)), (.add, 0)] {
            let layer = try DecoupledDynamicFilter(combination: combination)
            let y = try layer(
                x, channelFilter: Tensor(repeating: value, shape: [2, 12, 3, 3]),
                spatialFilter: spatial)
            #expect(y.isBitEqual(to: expected), "\(combination)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        typealias Layer = DecoupledDynamicFilter
        expectRefusal(of: "kernelSize") { _ = try Layer(kernelSize: 1) }
        expectRefusal(of: "kernelSize") { _ = try Layer(kernelSize: 4) }
        expectRefusal(of: "stride") { _ = try Layer(stride: 0) }
        expectRefusal(of: "dilation") { _ = try Layer(dilation: 0) }
        expectRefusal(of: "heads") { _ = try Layer(heads: 0) }
        let layer = try Layer(stride: 2)
        let x = try Tensor(zeros: [1, 4, 6, 5]), channel = try Tensor(zeros: [1, 5, 3, 3])
        let spatial = try Tensor(zeros: [1, 2, 3, 9])
        #expect(try layer(x, channelFilter: channel, spatialFilter: spatial).shape == [1, 2, 3, 5])
        expectMismatch(of: "channel_filter") {
            _ = try layer(x, channelFilter: Tensor(zeros: [1, 3, 3, 5]), spatialFilter: spatial)
        }
        expectMismatch(of: "spatial_filter") {
            _ = try layer(x, channelFilter: channel, spatialFilter: Tensor(zeros: [1, 4, 6, 9]))
        }
        expectMismatch(of: "x") {
            _ = try layer(
                Tensor(zeros: [1, 5, 6, 5]), channelFilter: channel, spatialFilter: spatial)
        }
        expectRefusal(of: "inputs") {
            _ = try layer(x, with: [channel], epilogue: Conv2dEpilogue())
        }
    }

    @Test func costNeedsNoValues() throws {
        for (combination, products) in [(PixelFilter.Combination.multiply, 2), (.add, 1)] {
            let layer = try DecoupledDynamicFilter(combination: combination), trace = Trace()
            _ = try trace.recording {
                try layer(
                    Tensor(shapeOnly: [1, 4, 5, 6]), channelFilter: Tensor(shapeOnly: [1, 6, 9]),
                    spatialFilter: Tensor(shapeOnly: [1, 4, 5, 9]))
            }
            #expect(trace.totalCost.multiplyAdds == 4 * 5 * 6 * 9 * products)
        }
    }
}
