import Testing

@testable import Protean

@Suite struct DeformableConv2dPackTests {
    static let cases = [
        DeformableConv2dTests.Case(input: [1, 5, 9, 1], outputs: 1, modulated: false),
        DeformableConv2dTests.Case(
            input: [3, 9, 6, 17], outputs: 33, kernel: Size2d(height: 3, width: 2),
            modulated: false),
        DeformableConv2dTests.Case(
            input: [2, 11, 8, 8], outputs: 20, stride: Size2d(height: 2, width: 1), padding: 2,
            dilation: 2, offsetGroups: 2, modulated: false),
        DeformableConv2dTests.Case(
            input: [1, 8, 9, 12], outputs: 18, groups: 3, offsetGroups: 4, modulated: false),
        DeformableConv2dTests.Case(input: [0, 4, 5, 3], outputs: 2, modulated: false),
    ]

    private static func layer(_ test: DeformableConv2dTests.Case) throws -> DeformableConv2dPack {
        let layer = try DeformableConv2dPack(
            inputChannels: test.input[3], outputChannels: test.outputs, kernelSize: test.kernel,
            stride: test.stride, padding: test.padding, dilation: test.dilation,
            groups: test.groups, offsetGroups: test.offsetGroups, bias: true)
        try layer.randomise()
        return layer
    }

    /// The predicted displacements are the layer's own; samples and sums are in double precision.
    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: DeformableConv2dTests.Case) throws {
        let layer = try Self.layer(test), x = try Tensor.random(test.input)
        let bias = try #require(layer.parameter(at: "bias")).value.elements.map(Double.init)
        let weight = try #require(layer.parameter(at: "weight")).value
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            let offset = try Runtime.with(isa: isa) { try layer.offsetConvolution(x) }
            let exact = try DeformableConv2dTests.reference(
                test, x: x, offset: offset, mask: nil, weight: weight)
            let worst = DeformableConv2dTests.worstError(y, exact, bias: bias)
            // Errors add up like a random walk at most as long as the sum.
            let limit = 8 + 2 * Double(layer.geometry.fanIn).squareRoot()
            #expect(worst < limit, "\(isa): \(worst) units, limit \(limit)")
            #expect(try layer.outputShape(for: test.input) == y.shape)
        }
    }

    @Test func aNewLayerIsAConvolution() throws {
        let x = try Tensor.random([2, 7, 6, 5])
        let plain = try Conv2d(
            inputChannels: 5, outputChannels: 8, kernelSize: 3, padding: 1, bias: false,
            algorithm: .direct, seed: 3)
        let layer = try DeformableConv2dPack(
            inputChannels: 5, outputChannels: 8, kernelSize: 3, padding: 1, seed: 3)
        #expect(try layer(x).elements == plain(x).elements)
    }

    @Test func namesAndShapesAreTheReferences() throws {
        let layer = try DeformableConv2dPack(
            inputChannels: 6, outputChannels: 9, kernelSize: Size2d(height: 3, width: 2),
            offsetGroups: 2)
        let found = layer.allParameters().map { ($0.name, $0.parameter.shape) }
        #expect(found.map(\.0) == ["weight", "conv_offset.weight", "conv_offset.bias"])
        #expect(found.map(\.1) == [[9, 6, 3, 2], [24, 6, 3, 2], [24]])
    }

    @Test func displacementsThatAreNoNumbersGiveNaN() throws {
        let layer = try DeformableConv2dPack(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        try #require(layer.offsetConvolution.bias).set(Tensor([.nan, 0], shape: [2]))
        #expect(try layer(.random([1, 3, 4, 2])).elements.allSatisfy { $0.isNaN })
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for groups in [0, 4, -1] {
            expectRefusal(of: "offsetGroups") {
                _ = try DeformableConv2dPack(
                    inputChannels: 6, outputChannels: 2, kernelSize: 3, offsetGroups: groups)
            }
        }
        let layer = try DeformableConv2dPack(inputChannels: 3, outputChannels: 2, kernelSize: 3)
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 5, 5, 4])) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 2, 5, 3])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try DeformableConv2dPack(
            inputChannels: 6, outputChannels: 4, kernelSize: 3, stride: 2, padding: 1)
        #expect(try layer.outputShape(for: [2, 9, 7, 6]) == [2, 5, 4, 4])
        #expect(try layer.cost(for: [2, 9, 7, 6]).parameters == layer.parameterCount)
    }
}
