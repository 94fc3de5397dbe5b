import Testing

@testable import Protean

@Suite struct DynamicFilterConv2dTests {
    struct Case: Sendable {
        var map: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1
        var groups = 1

        func layer() throws -> DynamicFilterConv2d {
            try DynamicFilterConv2d(
                inputChannels: map[3], outputChannels: outputs, kernelSize: kernel, stride: stride,
                padding: padding, dilation: dilation, groups: groups)
        }
    }

    static let cases = [
        Case(map: [3, 8, 7, 1], outputs: 1, kernel: 5, padding: 2),
        Case(map: [2, 6, 9, 17], outputs: 33),
        Case(
            map: [2, 9, 8, 6], outputs: 9, kernel: Size2d(height: 3, width: 2), stride: 2,
            dilation: Size2d(height: 1, width: 2), groups: 3),
        Case(map: [1, 5, 6, 7], outputs: 7, padding: .same, groups: 7),
        Case(map: [0, 5, 6, 4], outputs: 3),
    ]

    /// Each sample by a convolution with its filters.
    @Test(arguments: cases) func agreesWithAConvolutionPerSample(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.map)
        let filters = try Tensor.random([test.map[0]] + layer.geometry.weightShape, seed: 3)
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: filters.elements.map(Double.init), perSample: true)
        try MapTest.everywhere {
            try layer(x, filters: filters)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, reference.sums, tolerance: 1e-5, "\(isa)")
        }
    }

    /// The same filters for every sample are a direct convolution, bit for bit.
    @Test func equalFiltersAreAConvolution() throws {
        let conv = try Conv2d(
            inputChannels: 5, outputChannels: 9, kernelSize: 3, padding: 1, bias: false,
            algorithm: .direct, seed: 2)
        let layer = try DynamicFilterConv2d(
            inputChannels: 5, outputChannels: 9, kernelSize: 3, padding: 1)
        let weight = conv.weight.value
        let filters = try Tensor(
            Array(repeatElement(weight.elements, count: 3).joined()), shape: [3] + weight.shape)
        let x = try Tensor.random([3, 6, 7, 5])
        #expect(try layer(x, filters: filters).isBitEqual(to: conv(x)))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "inputChannels") {
            _ = try DynamicFilterConv2d(inputChannels: 0, outputChannels: 1, kernelSize: 3)
        }
        expectRefusal(of: "kernelSize") {
            _ = try DynamicFilterConv2d(inputChannels: 1, outputChannels: 1, kernelSize: 0)
        }
        let layer = try DynamicFilterConv2d(inputChannels: 2, outputChannels: 3, kernelSize: 3)
        let x = try Tensor(zeros: [2, 5, 6, 2])
        expectMismatch(of: "filters") { _ = try layer(x, filters: Tensor(zeros: [1, 3, 2, 3, 3])) }
        expectMismatch(of: "x") {
            _ = try layer(Tensor(zeros: [2, 5, 6, 4]), filters: Tensor(zeros: [2, 3, 2, 3, 3]))
        }
        expectRefusal(of: "inputs") { _ = try layer(x, with: [], epilogue: Conv2dEpilogue()) }
    }

    @Test func costNeedsNoValues() throws {
        let layer = try DynamicFilterConv2d(inputChannels: 2, outputChannels: 3, kernelSize: 3)
        let trace = Trace()
        let y = try trace.recording {
            try layer(
                Tensor(shapeOnly: [2, 5, 6, 2]), filters: Tensor(shapeOnly: [2, 3, 2, 3, 3]))
        }
        #expect(y.shape == [2, 3, 4, 3])
        #expect(trace.totalCost.multiplyAdds == 2 * 3 * 4 * 3 * 18)
    }
}
