import Testing

@testable import Protean

@Suite struct Involution2dTests {
    struct Case: Sendable {
        var map: [Int]
        var kernel: Int
        var stride = 1
        var groupChannels = 16

        func layer() throws -> Involution2d {
            let layer = try Involution2d(
                channels: map[3], kernelSize: kernel, stride: stride, groupChannels: groupChannels)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(map: [2, 5, 9, 32], kernel: 7), Case(map: [1, 6, 8, 48], kernel: 3, stride: 2),
        Case(map: [3, 4, 7, 16], kernel: 5), Case(map: [0, 4, 6, 32], kernel: 3),
        Case(map: [1, 9, 6, 33], kernel: 3, stride: 3, groupChannels: 11),
        Case(map: [1, 5, 4, 21], kernel: 9, groupChannels: 7),
    ]

    /// The parts by themselves, the application of the kernels in double precision.
    private static func reference(
        _ layer: Involution2d, _ x: Tensor
    ) throws -> PixelFilterReference {
        func conv(_ name: String, _ x: Tensor) throws -> Tensor {
            let part = try #require(layer.module(at: name) as? Conv2d)
            return try part(x)
        }
        let norm = try #require(layer.module(at: "conv1.bn") as? BatchNorm2d)
        let pooled =
            layer.stride == 1 ? x : try AvgPool2d(kernelSize: Size2d(layer.stride))(x)
        let hidden = try Operations.activate(norm(conv("conv1.conv", pooled)), .relu)
        let filter = try PixelFilter(
            window: SlidingWindow(
                kernelSize: Size2d(layer.kernelSize), padding: Size2d(layer.kernelSize / 2),
                stride: Size2d(layer.stride)),
            groups: layer.channels / layer.groupChannels)
        return PixelFilterReference(
            filter: filter, x: x, filters: try conv("conv2.conv", hidden))
    }

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.map)
        let reference = try Self.reference(layer, x), expected = reference.values()
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    /// Kernels that do not depend on the input make a depthwise convolution.
    @Test func constantKernelsAreADepthwiseConvolution() throws {
        let layer = try Involution2d(channels: 32, kernelSize: 3)
        try #require(layer.parameter(at: "conv2.conv.weight")).set(Tensor(zeros: [18, 8, 1, 1]))
        let kernels = try Tensor.random([18], seed: 4)
        try #require(layer.parameter(at: "conv2.conv.bias")).set(kernels)
        let weights = (0..<32).flatMap { channel in
            (0..<9).map { kernels.elements[channel / 16 * 9 + $0] }
        }
        let depthwise = try Conv2d(
            weight: Tensor(weights, shape: [32, 1, 3, 3]), padding: 1, groups: 32)
        let x = try Tensor.random([2, 5, 7, 32])
        let expected = try depthwise(x).elements.map(Double.init)
        MapTest.expect(try layer(x), shape: x.shape, expected, tolerance: 1e-6)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try Involution2d(channels: 24, kernelSize: 3) }
        expectRefusal(of: "channels") {
            _ = try Involution2d(channels: 2, kernelSize: 3, groupChannels: 2)
        }
        expectRefusal(of: "kernelSize") { _ = try Involution2d(channels: 16, kernelSize: 4) }
        expectRefusal(of: "stride") {
            _ = try Involution2d(channels: 16, kernelSize: 3, stride: 0)
        }
        expectRefusal(of: "reduction") {
            _ = try Involution2d(channels: 16, kernelSize: 3, reduction: 0)
        }
        expectRefusal(of: "groupChannels") {
            _ = try Involution2d(channels: 16, kernelSize: 3, groupChannels: 0)
        }
        let layer = try Involution2d(channels: 16, kernelSize: 3, stride: 2)
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 5, 4, 16])) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 4, 4, 32])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try Involution2d(channels: 32, kernelSize: 7, stride: 2)
        #expect(try layer.outputShape(for: [2, 6, 8, 32]) == [2, 3, 4, 32])
        let cost = try layer.cost(for: [2, 6, 8, 32]), pixels = 2 * 3 * 4
        #expect(cost.multiplyAdds == pixels * (32 * 8 + 8 * 98 + 49 * 32))
        #expect(cost.parameters == layer.parameterCount)
    }
}
