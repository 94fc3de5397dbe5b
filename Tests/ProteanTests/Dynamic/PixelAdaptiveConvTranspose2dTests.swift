import Foundation
import Testing

@testable import Protean

@Suite struct PixelAdaptiveConvTranspose2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 5
        var stride: Size2d = 2
        var padding: Size2d = 2
        var extra: Size2d = 1
        var dilation: Size2d = 1

        var testDescription: String { "\(input)->\(outputs) k\(kernel) s\(stride) d\(dilation)" }
    }

    static let cases = [
        Case(input: [2, 4, 5, 6], outputs: 20),
        Case(input: [1, 3, 7, 1], outputs: 1, kernel: 1, padding: 0),
        Case(
            input: [3, 5, 4, 17], outputs: 7, kernel: 3, stride: Size2d(height: 3, width: 1),
            padding: 1, extra: Size2d(height: 2, width: 0)),
        Case(input: [1, 4, 6, 3], outputs: 33, kernel: 3, padding: 1, extra: 0, dilation: 2),
        Case(input: [1, 18, 17, 24], outputs: 48),
    ]

    private static func layer(_ test: Case, shares: Bool = false) throws
        -> PixelAdaptiveConvTranspose2d
    {
        try PixelAdaptiveConvTranspose2d(
            inputChannels: test.input[3], outputChannels: test.outputs, kernelSize: test.kernel,
            stride: test.stride, padding: test.padding, outputPadding: test.extra,
            dilation: test.dilation, sharesFilters: shares, seed: 3)
    }

    private static func expected(
        _ test: Case, _ x: Tensor, _ guide: Tensor, _ output: Size2d, weight: [Float],
        bias: [Float]
    ) -> [Double] {
        let reach = Size2d(
            height: (test.kernel.height - 1) * test.dilation.height,
            width: (test.kernel.width - 1) * test.dilation.width)
        let kernels = PixelAdaptiveReference.kernels(
            guide, kernel: test.kernel, stride: 1,
            padding: Size2d(height: reach.height / 2, width: reach.width / 2),
            dilation: test.dilation, output: output
        ) { exp(-$0 / 2) }
        return PixelAdaptiveReference.sums(
            x, kernels, weight, bias: bias, outputs: test.outputs, kernel: test.kernel, stride: 1,
            top: reach.height - test.padding.height, left: reach.width - test.padding.width,
            dilation: test.dilation, output: output, up: test.stride)
    }

    @Test(arguments: cases)
    func agreesWithLoopsInDouble(_ test: Case) throws {
        let layer = try Self.layer(test), x = try Tensor.random(test.input)
        let shape = try layer.geometry.outputShape(for: x.shape)
        let guide = try Tensor.random(Array(shape.dropLast()) + [3], seed: 2)
        let weight = try Operations.permute(layer.weight.value, [1, 0, 2, 3]).elements
        let expected = Self.expected(
            test, x, guide, Size2d(height: shape[1], width: shape[2]), weight: weight,
            bias: layer.bias?.value.elements ?? [])
        try MapTest.everywhere {
            try layer(x, guide: guide)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func sharedFiltersFilterEveryChannelAlike() throws {
        let test = Case(input: [2, 3, 4, 4], outputs: 4)
        let layer = try Self.layer(test, shares: true), x = try Tensor.random(test.input)
        let guide = try Tensor.random([2, 6, 8, 2], seed: 2)
        var weight = [Float](repeating: 0, count: 16 * 25)
        for c in 0..<4 {
            for t in 0..<25 { weight[(c * 4 + c) * 25 + t] = layer.weight.value.elements[t] }
        }
        let expected = Self.expected(
            test, x, guide, Size2d(height: 6, width: 8), weight: weight,
            bias: layer.bias?.value.elements ?? [])
        try MapTest.everywhere {
            try layer(x, guide: guide)
        } check: { isa, y in
            MapTest.expect(y, shape: [2, 6, 8, 4], expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func aConstantGuideIsTheMirroredTransposedConvolution() throws {
        let test = Case(input: [1, 4, 5, 6], outputs: 20)
        let layer = try Self.layer(test), x = try Tensor.random(test.input)
        let plain = try ConvTranspose2d(
            weight: layer.weight.value.flipped(axes: [2, 3]), bias: layer.bias?.value, stride: 2,
            padding: 2, outputPadding: 1)
        let y = try layer(x, guide: Tensor(repeating: 2, shape: [1, 8, 10, 3]))
        #expect(try y.maximumDifference(from: plain(x)) < 1e-5)
    }

    @Test func wrongOptionsAndInputsAreRefused() throws {
        for (stride, padding, extra) in [(65, 0, 0), (2, 5, 0), (2, 1, 2)] {
            #expect(throws: ProteanError.self) {
                try PixelAdaptiveConvTranspose2d(
                    inputChannels: 1, outputChannels: 1, kernelSize: 5, stride: Size2d(stride),
                    padding: Size2d(padding), outputPadding: Size2d(extra))
            }
        }
        let layer = try Self.layer(Case(input: [1, 4, 5, 2], outputs: 3))
        let x = try Tensor(zeros: [1, 4, 5, 2])
        #expect(throws: ProteanError.self) { try layer(x, guide: Tensor(zeros: [1, 4, 5, 2])) }
        let empty = try layer(Tensor(zeros: [0, 4, 5, 2]), guide: Tensor(zeros: [0, 8, 10, 2]))
        #expect(empty.shape == [0, 8, 10, 3])
        let shape = try layer(
            Tensor(shapeOnly: [1, 4, 5, 2]), guide: Tensor(shapeOnly: [1, 8, 10, 2]))
        #expect(shape.isShapeOnly && shape.shape == [1, 8, 10, 3])
    }
}
