import Testing

@testable import Protean

@Suite struct CARAFEUpsampleTests {
    struct Case: Sendable {
        var map: [Int]
        var factor = 2
        var kernel = 5
        var groups = 1
        var encoder = 3
        var dilation = 1

        func layer() throws -> CARAFEUpsample {
            let layer = try CARAFEUpsample(
                channels: map[3], factor: factor, kernelSize: kernel, groups: groups,
                encoderKernelSize: encoder, encoderDilation: dilation, compressedChannels: 9)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(map: [2, 4, 7, 3]), Case(map: [1, 5, 3, 33], factor: 3, kernel: 3, groups: 3),
        Case(map: [3, 3, 4, 6], kernel: 7, groups: 2, encoder: 5, dilation: 2),
        Case(map: [0, 4, 5, 4]), Case(map: [1, 6, 5, 17], factor: 1, encoder: 1),
    ]

    /// The convolutions, pixel shuffle and softmax by themselves, then the reassembly in double.
    private static func reference(
        _ layer: CARAFEUpsample, _ x: Tensor
    ) throws -> PixelFilterReference {
        let compressor = try #require(layer.module(at: "channel_compressor") as? Conv2d)
        let encoder = try #require(layer.module(at: "content_encoder") as? Conv2d)
        let logits = try PixelShuffle(factor: layer.factor)(encoder(compressor(x)))
        let taps = layer.kernelSize * layer.kernelSize
        let perGroup = Array(logits.shape.dropLast()) + [layer.groups, taps]
        let kernels = try Operations.softmax(logits.reshaped(to: perGroup))
        let window = SlidingWindow(
            kernelSize: Size2d(layer.kernelSize), padding: Size2d(layer.kernelSize / 2))
        return PixelFilterReference(
            filter: try PixelFilter(window: window, groups: layer.groups, factor: layer.factor),
            x: x, filters: try kernels.reshaped(to: logits.shape))
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

    /// Kernels of a new layer have nearly equal values.
    @Test func aNewLayerBlurs() throws {
        let layer = try CARAFEUpsample(channels: 6, factor: 2, seed: 4)
        let x = try Tensor.random([1, 5, 7, 6])
        let mean = try AvgPool2d(kernelSize: 5, stride: 1, padding: 2)(x)
        let enlarged = try Resize(scale: 2, mode: .nearest)(mean)
        #expect(try layer(x).maximumDifference(from: enlarged) < 0.02)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        typealias Layer = CARAFEUpsample
        expectRefusal(of: "channels") { _ = try Layer(channels: 0, factor: 2) }
        expectRefusal(of: "factor") { _ = try Layer(channels: 4, factor: 0) }
        expectRefusal(of: "kernelSize") { _ = try Layer(channels: 4, factor: 2, kernelSize: 2) }
        expectRefusal(of: "groups") { _ = try Layer(channels: 4, factor: 2, groups: 3) }
        expectRefusal(of: "encoderKernelSize") {
            _ = try Layer(channels: 4, factor: 2, encoderKernelSize: 2)
        }
        expectRefusal(of: "encoderDilation") {
            _ = try Layer(channels: 4, factor: 2, encoderDilation: 0)
        }
        expectRefusal(of: "compressedChannels") {
            _ = try Layer(channels: 4, factor: 2, compressedChannels: 0)
        }
        let layer = try Layer(channels: 4, factor: 2)
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 3, 3, 5])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try CARAFEUpsample(channels: 8, factor: 2)
        #expect(try layer.outputShape(for: [2, 4, 5, 8]) == [2, 8, 10, 8])
        let cost = try layer.cost(for: [1, 4, 5, 8])
        #expect(cost.multiplyAdds == 20 * (8 * 64 + 9 * 64 * 100 + 4 * 25 * 8))
        #expect(cost.parameters == layer.parameterCount)
    }
}
