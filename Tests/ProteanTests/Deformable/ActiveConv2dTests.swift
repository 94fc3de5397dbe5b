import CReference
import Testing

@testable import Protean

@Suite struct ActiveConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs = 4
        var kernel = 3
        var stride = 1
        var padding = 1
        var groups = 1
        var bias = true

        var testDescription: String {
            "\(input) to \(outputs), k\(kernel) s\(stride) p\(padding) g\(groups)"
        }

        func layer() throws -> ActiveConv2d {
            let layer = try ActiveConv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, positionGroups: groups, bias: bias, seed: 3)
            for (parameter, seed) in [(layer.xPositions, UInt64(5)), (layer.yPositions, 6)] {
                try parameter.set(
                    Initializer.uniform(parameter.shape, in: -2.5...2.5, seed: seed))
            }
            return layer
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1]), Case(input: [3, 7, 6, 17], outputs: 33, groups: 3),
        Case(input: [2, 9, 8, 6], stride: 2, padding: 0, groups: 2, bias: false),
        Case(input: [1, 6, 7, 3], kernel: 2), Case(input: [1, 4, 5, 2], kernel: 1, padding: 0),
        Case(input: [1, 30, 21, 32], outputs: 48, kernel: 5, padding: 2),
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
                y, shape: expected.shape, expected.values, tolerance: 2e-5, "\(isa)")
        }
    }

    private static func reference(
        _ test: Case, _ layer: ActiveConv2d, _ x: Tensor
    ) throws -> (shape: [Int], values: [Double]) {
        let (n, h, w, c) = (test.input[0], test.input[1], test.input[2], test.input[3])
        let (k, half, taps) = (test.kernel, test.kernel / 2, test.kernel * test.kernel)
        let outH = (h + 2 * (test.padding - half) - 1) / test.stride + 1
        let outW = (w + 2 * (test.padding - half) - 1) / test.stride + 1
        let weight = layer.weight.value.elements, bias = layer.bias?.value.elements
        let (px, py) = (layer.xPositions.value.elements, layer.yPositions.value.elements)
        let images = (0..<n).map { Array(x.elements[$0 * h * w * c..<($0 + 1) * h * w * c]) }
        var values: [Double] = []
        for pixel in 0..<n * outH * outW {
            let (ox, oy) = (pixel % outW, pixel / outW % outH)
            for o in 0..<test.outputs {
                var sum = Double(bias?[o] ?? 0)
                for tap in 0..<taps {
                    let at = o / (test.outputs / test.groups) * taps + tap
                    // Rounded as the kernel rounds them: next to an edge that decides.
                    let ty = Float(oy * test.stride - test.padding + tap / k)
                    let tx = Float(ox * test.stride - test.padding + tap % k)
                    let y = ty + (py[at] + Float(half - tap / k))
                    let x = tx + (px[at] + Float(half - tap % k))
                    for i in 0..<c {
                        sum +=
                            Double(weight[(o * c + i) * taps + tap])
                            * reference_bilinear(images[pixel / outW / outH], h, w, c, i, y, x)
                    }
                }
                values.append(sum)
            }
        }
        return ([n, outH, outW, test.outputs], values)
    }

    /// Enough work to be shared among threads.
    @Test func threadsDoNotChangeBits() throws {
        let test = Case(input: [2, 40, 37, 24], outputs: 32, groups: 2)
        let layer = try test.layer(), x = try Tensor.random(test.input)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.elements.allSatisfy { $0.isFinite }, "\(isa)")
        }
    }

    @Test(arguments: [1, 2])
    func theRegularGridIsAConvolution(stride: Int) throws {
        let layer = try ActiveConv2d(
            inputChannels: 7, outputChannels: 6, stride: stride, padding: 1, positionGroups: 2)
        let grid = (0..<18).map { Float($0 % 9 / 3 - 1) }
        try layer.yPositions.set(Tensor(grid, shape: [2, 1, 3, 3]))
        try layer.xPositions.set(
            Tensor((0..<18).map { Float($0 % 3 - 1) }, shape: [2, 1, 3, 3]))
        let plain = try Conv2d(
            weight: layer.weight.value, bias: layer.bias?.value, stride: Size2d(stride),
            padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 8, 11, 7])
        for isa in KernelISA.supported {
            let (a, b) = try Runtime.with(isa: isa) { (try layer(x), try plain(x)) }
            #expect(a.isBitEqual(to: b), "\(isa)")
        }
    }

    @Test func newPositionsLieOnACircle() throws {
        let layer = try ActiveConv2d(
            inputChannels: 1, outputChannels: 2, positionGroups: 2, baseRadius: 2,
            positionDeviation: 0)
        let (x, y) = (layer.xPositions.value.elements, layer.yPositions.value.elements)
        for group in 0..<2 {
            #expect(x[9 * group] == 0 && y[9 * group] == 0)
            for tap in 1..<9 {
                let at = 9 * group + tap
                #expect(abs((x[at] * x[at] + y[at] * y[at]).squareRoot() - 2) < 1e-5)
            }
        }
        #expect(x[1] == 2 && y[1] == 0)
        let whole = try ActiveConv2d(inputChannels: 1, outputChannels: 1, positionDeviation: -1)
        #expect(whole.xPositions.value.elements.allSatisfy { [-1, 0, 1].contains($0) })
        let moved = try ActiveConv2d(inputChannels: 1, outputChannels: 1)
        #expect(moved.xPositions.value.elements[1] != 1)
        #expect(abs(moved.xPositions.value.elements[1] - 1) < 0.5)
    }

    @Test func changedPositionsAreUsed() throws {
        let layer = try ActiveConv2d(inputChannels: 3, outputChannels: 2)
        let x = try Tensor.random([1, 6, 5, 3])
        let before = try layer(x)
        try layer.yPositions.set(Tensor.random([1, 1, 3, 3], seed: 9))
        #expect(!(try layer(x).isBitEqual(to: before)))
    }

    @Test func wrongOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) {
            try ActiveConv2d(inputChannels: 0, outputChannels: 1)
        }
        #expect(throws: ProteanError.self) {
            try ActiveConv2d(inputChannels: 1, outputChannels: 4, positionGroups: 3)
        }
        #expect(throws: ProteanError.self) {
            try ActiveConv2d(inputChannels: 1, outputChannels: 1, kernelSize: 0)
        }
        #expect(throws: ProteanError.self) {
            try ActiveConv2d(inputChannels: 1, outputChannels: 1, kernelSize: 2)
        }
        #expect(throws: ProteanError.self) {
            try ActiveConv2d(inputChannels: 1, outputChannels: 1, padding: -1)
        }
        #expect(throws: ProteanError.self) {
            try ActiveConv2d(inputChannels: 1, outputChannels: 1, baseRadius: 0)
        }
        let layer = try ActiveConv2d(inputChannels: 3, outputChannels: 1)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 5, 5, 4])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 5, 3])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try ActiveConv2d(
            inputChannels: 6, outputChannels: 4, padding: 1, positionGroups: 2)
        #expect(try layer.outputShape(for: [2, 9, 7, 6]) == [2, 9, 7, 4])
        #expect(try layer.cost(for: [2, 9, 7, 6]).parameters == layer.parameterCount)
    }
}
