import CReference
import Testing

@testable import Protean

@Suite struct DeformableKernelConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var scope: Size2d = 4
        var kernel = 3
        var stride = 1
        var padding = 1
        var dilation = 1
        var groups = 1
        var clip = false

        var testDescription: String {
            "\(input) scope \(scope) k\(kernel) s\(stride) p\(padding) d\(dilation) g\(groups) "
                + "\(clip)"
        }

        /// With rotations of a few cells.
        func layer() throws -> DeformableKernelConv2d {
            let layer = try DeformableKernelConv2d(
                channels: input[3], scope: scope, kernelSize: kernel, stride: stride,
                padding: padding, dilation: dilation, rotationGroups: groups, clipsToScope: clip,
                seed: 3)
            for (name, seed) in [("weight", UInt64(7)), ("bias", 8)] {
                let parameter = try #require(layer.parameter(at: "rotation_conv." + name))
                try parameter.set(Tensor.random(parameter.shape, seed: seed))
            }
            return layer
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1]), Case(input: [3, 7, 6, 17], scope: Size2d(height: 5, width: 3)),
        Case(input: [2, 9, 8, 36], stride: 2, padding: 2, dilation: 2, groups: 3, clip: true),
        Case(input: [1, 30, 21, 33], scope: Size2d(height: 2, width: 4), kernel: 1, padding: 0),
        Case(input: [1, 6, 5, 4], scope: Size2d(height: 1, width: 3), groups: 2, clip: true),
        Case(input: [0, 4, 4, 6]),
    ]

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let rotation = try #require(layer.module(at: "rotation_conv") as? Conv2d)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            let places = try Runtime.with(isa: isa) { try rotation(x) }
            let expected = try Self.reference(test, layer, x: x, places: places)
            MapTest.expect(
                y, shape: places.shape.dropLast() + [test.input[3]], expected, tolerance: 1e-5,
                "\(isa)")
        }
    }

    private static func reference(
        _ test: Case, _ layer: DeformableKernelConv2d, x: Tensor, places: Tensor
    ) throws -> [Double] {
        let weight = try #require(layer.parameter(at: "inner_conv.weight")).value.elements
        let (values, r) = (x.elements, places.elements)
        let (h, w, c) = (test.input[1], test.input[2], test.input[3])
        let (sh, sw) = (test.scope.height, test.scope.width)
        let (oh, ow, k) = (places.shape[1], places.shape[2], test.kernel)
        var result: [Double] = []
        for pixel in 0..<places.shape[0] * oh * ow {
            for channel in 0..<c {
                var sum = 0.0
                for tap in 0..<k * k {
                    let iy = pixel / ow % oh * test.stride - test.padding + tap / k * test.dilation
                    let ix = pixel % ow * test.stride - test.padding + tap % k * test.dilation
                    guard (0..<h).contains(iy), (0..<w).contains(ix) else { continue }
                    let entry = (pixel * test.groups + channel % test.groups) * k * k + tap
                    var py = Float(tap / k) + Float(sh - k) / 2 + r[2 * entry]
                    var px = Float(tap % k) + Float(sw - k) / 2 + r[2 * entry + 1]
                    if test.clip {
                        py = min(max(py, 0), Float(sh - 1))
                        px = min(max(px, 0), Float(sh - 1))
                    }
                    let cells = Array(weight[channel * sh * sw..<(channel + 1) * sh * sw])
                    let pixelValue = values[((pixel / (oh * ow) * h + iy) * w + ix) * c + channel]
                    sum +=
                        Double(pixelValue) * reference_bilinear(cells, sh, sw, 1, 0, py, px)
                }
                result.append(sum)
            }
        }
        return result
    }

    @Test func aScopeOfTheKernelsSizeIsADepthwiseConvolution() throws {
        let layer = try DeformableKernelConv2d(channels: 19, scope: 3, padding: 1, seed: 4)
        let weight = try #require(layer.parameter(at: "inner_conv.weight")).value
        let plain = try Conv2d(weight: weight, padding: 1, groups: 19)
        let x = try Tensor.random([2, 6, 9, 19])
        MapTest.expect(
            try layer(x), shape: x.shape, try plain(x).elements.map(Double.init), tolerance: 1e-6)
    }

    @Test func wrongOptionsAreRefused() {
        #expect(throws: ProteanError.self) { try DeformableKernelConv2d(channels: 0) }
        #expect(throws: ProteanError.self) {
            try DeformableKernelConv2d(channels: 4, rotationGroups: 3)
        }
        #expect(throws: ProteanError.self) { try DeformableKernelConv2d(channels: 4, scope: 0) }
        #expect(throws: ProteanError.self) {
            try DeformableKernelConv2d(channels: 4, kernelSize: 0)
        }
        #expect(throws: ProteanError.self) { try DeformableKernelConv2d(channels: 4, stride: 0) }
        #expect(throws: ProteanError.self) { try DeformableKernelConv2d(channels: 4, padding: -1) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try DeformableKernelConv2d(channels: 6, padding: 1)
        #expect(try layer.outputShape(for: [2, 9, 7, 6]) == [2, 9, 7, 6])
        #expect(try layer.cost(for: [2, 9, 7, 6]).parameters == layer.parameterCount)
    }
}
