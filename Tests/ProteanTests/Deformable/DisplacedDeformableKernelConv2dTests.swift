import CReference
import Testing

@testable import Protean

@Suite struct DisplacedDeformableKernelConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var scope: Size2d = 4
        var kernel = 3
        var stride = 1
        var padding = 1
        var dilation = 1

        var testDescription: String {
            "\(input) scope \(scope) k\(kernel) s\(stride) p\(padding) d\(dilation)"
        }

        /// With displacements of some pixels.
        func layer() throws -> DisplacedDeformableKernelConv2d {
            let layer = try DisplacedDeformableKernelConv2d(
                channels: input[3], scope: scope, kernelSize: kernel, stride: stride,
                padding: padding, dilation: dilation, seed: 3)
            for (index, named) in layer.offsetConvolution.parameters.enumerated() {
                try named.parameter.set(
                    Tensor.random(named.parameter.shape, seed: UInt64(index + 7)))
            }
            return layer
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1]), Case(input: [3, 7, 6, 17], scope: Size2d(height: 5, width: 3)),
        Case(input: [2, 9, 8, 36], stride: 2, padding: 2, dilation: 2),
        Case(input: [1, 9, 7, 3], scope: Size2d(height: 2, width: 6)),
        Case(input: [1, 30, 21, 33], scope: Size2d(height: 2, width: 4), kernel: 1, padding: 0),
        Case(input: [0, 4, 4, 6]),
    ]

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            let offsets = try Runtime.with(isa: isa) { try layer.offsetConvolution(x) }
            let expected = try Self.reference(test, layer, x: x, offsets: offsets)
            MapTest.expect(
                y, shape: offsets.shape.dropLast() + [test.input[3]], expected, tolerance: 1e-5,
                "\(isa)")
        }
    }

    private static func reference(
        _ test: Case, _ layer: DisplacedDeformableKernelConv2d, x: Tensor, offsets: Tensor
    ) throws -> [Double] {
        let weight = try #require(layer.parameter(at: "inner_conv.weight")).value.elements
        let (values, moved) = (x.elements, offsets.elements)
        let (h, w, c) = (test.input[1], test.input[2], test.input[3])
        let (sh, sw, k) = (test.scope.height, test.scope.width, test.kernel)
        let (oh, ow) = (offsets.shape[1], offsets.shape[2])
        let images = (0..<test.input[0]).map {
            Array(values[$0 * h * w * c..<($0 + 1) * h * w * c])
        }
        var result: [Double] = []
        for pixel in 0..<offsets.shape[0] * oh * ow {
            for channel in 0..<c {
                let cells = Array(weight[channel * sh * sw..<(channel + 1) * sh * sw])
                var sum = 0.0
                for tap in 0..<k * k {
                    let (i, j) = (tap / k, tap % k)
                    let factor = reference_bilinear(
                        cells, sh, sw, 1, 0, Float(i) + Float(sh - k) / 2,
                        Float(j) + Float(sw - k) / 2)
                    let top = Float(
                        pixel / ow % oh * test.stride - test.padding + i * test.dilation)
                    let left = Float(pixel % ow * test.stride - test.padding + j * test.dilation)
                    let at = (pixel * k * k + tap) * 2
                    sum +=
                        factor
                        * reference_bilinear(
                            images[pixel / (oh * ow)], h, w, c, channel,
                            top + moved[at] * Float(test.dilation),
                            left + moved[at + 1] * Float(test.dilation))
                }
                result.append(sum)
            }
        }
        return result
    }

    @Test func aScopeOfTheKernelsSizeIsADepthwiseConvolution() throws {
        let layer = try DisplacedDeformableKernelConv2d(
            channels: 19, scope: 3, padding: 1, seed: 4)
        let weight = try #require(layer.parameter(at: "inner_conv.weight")).value
        let plain = try Conv2d(weight: weight, padding: 1, groups: 19)
        let x = try Tensor.random([2, 6, 9, 19])
        MapTest.expect(
            try layer(x), shape: x.shape, try plain(x).elements.map(Double.init), tolerance: 1e-6)
    }

    @Test func initialValuesLeaveDisplacementsAtZero() throws {
        let layer = try DisplacedDeformableKernelConv2d(channels: 4)
        let before = try #require(layer.parameter(at: "inner_conv.weight")).value
        try layer.initializeWeights(seed: 5)
        let after = try #require(layer.parameter(at: "inner_conv.weight")).value
        #expect(!after.isBitEqual(to: before))
        #expect(layer.offsetConvolution.weight.value.elements.allSatisfy { $0 == 0 })
    }

    @Test func wrongOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) { try DisplacedDeformableKernelConv2d(channels: 0) }
        #expect(throws: ProteanError.self) {
            try DisplacedDeformableKernelConv2d(channels: 4, scope: 0)
        }
        #expect(throws: ProteanError.self) {
            try DisplacedDeformableKernelConv2d(channels: 4, kernelSize: 0)
        }
        let layer = try DisplacedDeformableKernelConv2d(channels: 4, padding: 1)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 5, 5, 3])) }
        #expect(try layer.outputShape(for: [2, 9, 7, 4]) == [2, 9, 7, 4])
    }
}
