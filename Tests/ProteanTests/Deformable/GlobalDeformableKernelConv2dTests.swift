import CReference
import Testing

@testable import Protean

@Suite struct GlobalDeformableKernelConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs = 5
        var scope: Size2d = 2
        var kernel = 1
        var stride = 1
        var padding = 0
        var dilation = 1
        var groups = 1

        var testDescription: String {
            "\(input) to \(outputs), scope \(scope) k\(kernel) s\(stride) p\(padding) d\(dilation) "
                + "g\(groups)"
        }

        /// With displacements of some cells.
        func layer() throws -> GlobalDeformableKernelConv2d {
            let layer = try GlobalDeformableKernelConv2d(
                inputChannels: input[3], outputChannels: outputs, scope: scope,
                kernelSize: kernel, stride: stride, padding: padding, dilation: dilation,
                groups: groups, seed: 3)
            for (parameter, seed) in [
                (layer.displacement.weight, UInt64(7)), (layer.displacement.bias!, 8),
            ] {
                try parameter.set(
                    Initializer.uniform(parameter.shape, in: -1.5...1.5, seed: seed))
            }
            return layer
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1]), Case(input: [3, 7, 6, 17]),
        Case(input: [3, 7, 6, 5], scope: Size2d(height: 5, width: 3), kernel: 3, padding: 1),
        Case(
            input: [2, 9, 8, 12], outputs: 6, scope: Size2d(height: 3, width: 6), kernel: 3,
            stride: 2, padding: 2, dilation: 2, groups: 3),
        Case(input: [3, 6, 5, 33], outputs: 33, scope: 4, kernel: 3, padding: 1, groups: 33),
        Case(input: [1, 12, 11, 64], outputs: 96, scope: Size2d(height: 1, width: 2)),
        Case(input: [0, 4, 4, 6]),
    ]

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let expected = try Self.reference(test, layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: try layer.outputShape(for: test.input), expected, tolerance: 1e-5,
                "\(isa)")
        }
    }

    private static func reference(
        _ test: Case, _ layer: GlobalDeformableKernelConv2d, _ x: Tensor
    ) throws -> [Double] {
        let moved = try layer.displacement(Operations.globalAveragePool(x)).elements
        let weight = layer.weight.value.elements, values = x.elements
        let shape = try layer.outputShape(for: test.input)
        let (h, w, c) = (test.input[1], test.input[2], test.input[3])
        let (sh, sw, k) = (test.scope.height, test.scope.width, test.kernel)
        let (inner, outer) = (c / test.groups, test.outputs / test.groups)
        var kernels: [Double] = []
        for row in 0..<test.input[0] * k * k {
            let tap = row % (k * k), high = Float(sh - 1)
            let py = Float(tap / k) + Float(sh - k) / 2 + moved[2 * row]
            let px = Float(tap % k) + Float(sw - k) / 2 + moved[2 * row + 1]
            for filter in 0..<test.outputs * inner {
                let cells = Array(weight[filter * sh * sw..<(filter + 1) * sh * sw])
                kernels.append(
                    reference_bilinear(
                        cells, sh, sw, 1, 0, min(max(py, 0), high), min(max(px, 0), high)))
            }
        }
        var result: [Double] = []
        for at in 0..<shape.reduce(1, *) {
            let o = at % test.outputs, pixel = at / test.outputs
            let (ox, oy) = (pixel % shape[2], pixel / shape[2] % shape[1])
            let n = pixel / shape[2] / shape[1]
            var sum = 0.0
            for tap in 0..<k * k {
                let iy = oy * test.stride - test.padding + tap / k * test.dilation
                let ix = ox * test.stride - test.padding + tap % k * test.dilation
                guard (0..<h).contains(iy), (0..<w).contains(ix) else { continue }
                for i in 0..<inner {
                    let value = values[((n * h + iy) * w + ix) * c + o / outer * inner + i]
                    let row = n * k * k + tap
                    sum += Double(value) * kernels[row * test.outputs * inner + o * inner + i]
                }
            }
            result.append(sum)
        }
        return result
    }

    @Test func aScopeOfTheKernelsSizeIsAConvolution() throws {
        let layer = try GlobalDeformableKernelConv2d(
            inputChannels: 19, outputChannels: 21, scope: 3, kernelSize: 3, padding: 1, seed: 4)
        let plain = try Conv2d(weight: layer.weight.value, padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 6, 9, 19])
        for isa in KernelISA.supported {
            let (a, b) = try Runtime.with(isa: isa) { (try layer(x), try plain(x)) }
            #expect(a.isBitEqual(to: b), "\(isa)")
        }
    }

    @Test func changedWeightsAreUsed() throws {
        let layer = try GlobalDeformableKernelConv2d(inputChannels: 3, outputChannels: 2)
        let x = try Tensor.random([1, 4, 5, 3])
        let before = try layer(x)
        try layer.weight.set(Tensor.random(layer.weight.shape, seed: 99))
        #expect(!(try layer(x).isBitEqual(to: before)))
    }

    @Test func displacementsThatAreNoNumbersGiveNaN() throws {
        let layer = try GlobalDeformableKernelConv2d(
            inputChannels: 3, outputChannels: 2, scope: 3, kernelSize: 3)
        try layer.displacement.bias!.set(Tensor(repeating: .nan, shape: [18]))
        let y = try layer(Tensor.random([1, 4, 5, 3]))
        #expect(y.elements.allSatisfy { $0.isNaN })
    }

    @Test func wrongOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) {
            try GlobalDeformableKernelConv2d(inputChannels: 0, outputChannels: 1)
        }
        #expect(throws: ProteanError.self) {
            try GlobalDeformableKernelConv2d(inputChannels: 4, outputChannels: 4, groups: 3)
        }
        #expect(throws: ProteanError.self) {
            try GlobalDeformableKernelConv2d(inputChannels: 4, outputChannels: 4, scope: 0)
        }
        #expect(throws: ProteanError.self) {
            try GlobalDeformableKernelConv2d(inputChannels: 4, outputChannels: 4, kernelSize: 0)
        }
        let layer = try GlobalDeformableKernelConv2d(inputChannels: 4, outputChannels: 4)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 3, 3, 5])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 0, 3, 4])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try GlobalDeformableKernelConv2d(
            inputChannels: 6, outputChannels: 4, scope: 4, kernelSize: 3, padding: 1, groups: 2)
        #expect(try layer.outputShape(for: [2, 9, 7, 6]) == [2, 9, 7, 4])
        #expect(try layer.cost(for: [2, 9, 7, 6]).parameters == layer.parameterCount)
    }
}
