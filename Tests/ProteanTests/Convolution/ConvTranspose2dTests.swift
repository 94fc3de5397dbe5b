import CReference
import Foundation
import Testing

@testable import Protean

/// A transposed convolution and an input for it.
struct TransposedCase: CustomTestStringConvertible {
    var input: [Int]
    var outputs: Int
    var kernel: Size2d
    var stride: Size2d = 1
    var padding: Size2d = 0
    var outputPadding: Size2d = 0
    var dilation: Size2d = 1
    var groups = 1
    var bias = true

    var testDescription: String {
        "\(input) → \(outputs), \(kernel) /\(stride) p\(padding)+\(outputPadding) d\(dilation) g\(groups)"
    }

    func layer() throws -> ConvTranspose2d {
        try ConvTranspose2d(
            inputChannels: input[3], outputChannels: outputs, kernelSize: kernel, stride: stride,
            padding: padding, outputPadding: outputPadding, dilation: dilation, groups: groups,
            bias: bias, seed: 7)
    }
}

/// Every product added where it belongs, in double precision.
struct TransposedReference {
    var sums: [Double]
    var magnitudes: [Double]

    init(_ geometry: ConvTranspose2dGeometry, x: Tensor, weight: Tensor, output: [Int]) {
        var p = reference_conv2d(
            n: x.shape[0], h: x.shape[1], w: x.shape[2], c: x.shape[3],
            k: geometry.outputChannels, kh: geometry.kernelSize.height,
            kw: geometry.kernelSize.width, sh: geometry.stride.height, sw: geometry.stride.width,
            dh: geometry.dilation.height, dw: geometry.dilation.width,
            top: geometry.padding.height, left: geometry.padding.width, oh: output[1],
            ow: output[2], groups: geometry.groups)
        sums = [Double](repeating: 0, count: output.reduce(1, *))
        magnitudes = sums
        let input = x.elements, weights = weight.elements.map { Double($0) }
        reference_conv_transpose2d_run(&p, input, weights, &sums, &magnitudes)
    }

    /// The largest error in units of Σ|x·w|·2⁻²⁴, after `finish` was applied to the exact sums.
    func worstError(_ y: Tensor, finish: (_ sum: Double, _ index: Int) -> Double) -> Double {
        var worst = 0.0
        for (index, value) in y.elements.enumerated() {
            let exact = finish(sums[index], index)
            let unit = (magnitudes[index] + abs(exact) + 1e-3) * 0x1p-24
            let error = abs(Double(value) - exact) / unit
            if !(error <= worst) { worst = error.isNaN ? .infinity : error }
        }
        return worst
    }
}

@Suite struct ConvTranspose2dTests {
    static let cases = [
        TransposedCase(input: [1, 5, 4, 3], outputs: 5, kernel: 3),
        TransposedCase(input: [2, 4, 7, 17], outputs: 33, kernel: 4, stride: 2, padding: 1),
        TransposedCase(
            input: [1, 7, 3, 7], outputs: 1, kernel: 3, stride: 2, padding: 1, outputPadding: 1),
        TransposedCase(input: [3, 3, 5, 33], outputs: 17, kernel: 2, stride: 2),
        TransposedCase(
            input: [1, 4, 6, 1], outputs: 3, kernel: Size2d(height: 5, width: 2),
            stride: Size2d(height: 3, width: 1), padding: Size2d(height: 2, width: 1)),
        // Outputs that no tap reaches.
        TransposedCase(
            input: [2, 3, 4, 6], outputs: 4, kernel: Size2d(height: 1, width: 2), stride: 4,
            outputPadding: Size2d(height: 3, width: 1)),
        TransposedCase(input: [1, 4, 3, 5], outputs: 20, kernel: 3, stride: 2, dilation: 2),
        TransposedCase(
            input: [1, 5, 4, 4], outputs: 6, kernel: Size2d(height: 3, width: 4),
            stride: Size2d(height: 2, width: 3), padding: Size2d(height: 4, width: 3),
            outputPadding: Size2d(height: 2, width: 1), dilation: Size2d(height: 3, width: 2)),
        TransposedCase(input: [1, 4, 5, 12], outputs: 8, kernel: 3, stride: 2, groups: 4),
        TransposedCase(
            input: [2, 5, 4, 33], outputs: 33, kernel: 4, stride: 2, padding: 1, groups: 33),
        TransposedCase(
            input: [1, 4, 3, 5], outputs: 5, kernel: 3, stride: 3, padding: 1, outputPadding: 2,
            dilation: 2, groups: 5, bias: false),
        TransposedCase(input: [1, 3, 4, 6], outputs: 12, kernel: 3, stride: 2, groups: 6),
        // Padding that leaves out more than the kernel reaches.
        TransposedCase(input: [1, 9, 8, 3], outputs: 4, kernel: 2, padding: 3),
        TransposedCase(input: [1, 6, 9, 4], outputs: 4, kernel: 1, stride: 2, padding: 2),
        // The sums of neighbouring input channels in several blocks.
        TransposedCase(
            input: [1, 3, 3, 700], outputs: 70, kernel: 4, stride: 2, padding: 1, bias: false),
        // Few output channels: vectors along the input channels.
        TransposedCase(input: [2, 9, 11, 33], outputs: 3, kernel: 4, stride: 2, padding: 1),
        TransposedCase(
            input: [1, 40, 33, 64], outputs: 1, kernel: Size2d(height: 3, width: 5),
            stride: Size2d(height: 2, width: 3), padding: Size2d(height: 0, width: 4),
            dilation: Size2d(height: 1, width: 2), bias: false),
        TransposedCase(input: [1, 3, 5, 64], outputs: 2, kernel: 1, stride: 3, outputPadding: 2),
        // Large enough for several threads.
        TransposedCase(input: [1, 23, 26, 40], outputs: 50, kernel: 4, stride: 2, padding: 1),
        TransposedCase(
            input: [3, 30, 31, 64], outputs: 64, kernel: 4, stride: 2, padding: 1, groups: 64),
        TransposedCase(input: [2, 17, 18, 24], outputs: 20, kernel: 3, padding: 1),
    ]

    @Test(arguments: cases)
    func agreesWithSumsInDoublePrecision(_ test: TransposedCase) throws {
        let layer = try test.layer()
        let x = try Tensor.random(test.input, seed: 3)
        let shape = try layer.outputShape(for: test.input)
        let reference = TransposedReference(
            layer.geometry, x: x, weight: layer.weight.value, output: shape)
        let bias = layer.bias?.value.elements
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.shape == shape)
            let error = reference.worstError(y) { sum, index in
                sum + Double(bias?[index % test.outputs] ?? 0)
            }
            // With stride 1 one of Winograd's forms may run, whose errors follow a tile's largest sums.
            #expect(error < (test.stride == 1 ? 120 : 24), "\(isa)")
        }
    }

    /// Input and output channels and groups, of every way of computing.
    @Test(arguments: [(8, 8, 1), (8, 8, 4), (8, 8, 8), (64, 3, 1)])
    func theEpilogueIsAppliedToEveryOutput(inputs: Int, outputs: Int, groups: Int) throws {
        // Outputs that no tap reaches among them.
        let test = TransposedCase(
            input: [2, 4, 3, inputs], outputs: outputs, kernel: 2, stride: 3, outputPadding: 1,
            groups: groups)
        let layer = try test.layer()
        let x = try Tensor.random(test.input, seed: 4)
        let shape = try layer.outputShape(for: test.input)
        let residual = try Tensor.random(shape, seed: 5)
        let gate = try Tensor.random([2, outputs], seed: 6)
        let reference = TransposedReference(
            layer.geometry, x: x, weight: layer.weight.value, output: shape)
        let bias = try #require(layer.bias).value.elements
        let added = residual.elements, factors = gate.elements
        for activation in [Activation.relu, .silu] {
            let epilogue = Conv2dEpilogue(activation: activation, residual: residual, gate: gate)
            try MapTest.everywhere {
                try layer(x, outputSize: nil, epilogue: epilogue)
            } check: { isa, y in
                let error = reference.worstError(y) { sum, index in
                    let (sample, k) = (index / (shape[1] * shape[2] * outputs), index % outputs)
                    let factor = Double(factors[sample * outputs + k])
                    let z = sum * factor + Double(bias[k]) + Double(added[index])
                    return activation == .relu ? max(z, 0) : z / (1 + exp(-z))
                }
                #expect(error < 60, "\(isa) \(activation)")
            }
        }
        let late = Conv2dEpilogue(
            activation: .silu, residual: residual, residualAfterActivation: true, factor: residual)
        let plain = try layer(x)
        let separate = try late.applied(to: plain, layer: "test")
        let together = try layer(x, outputSize: nil, epilogue: late)
        #expect(together.elements == separate.elements)
    }

    @Test func theOutputsSizeCanBeChosen() throws {
        let layer = try ConvTranspose2d(
            inputChannels: 3, outputChannels: 2, kernelSize: 3, stride: Size2d(height: 3, width: 2),
            padding: 1)
        let x = try Tensor.random([1, 4, 5, 3])
        for height in 10...12 {
            for width in 9...10 {
                let size = Size2d(height: height, width: width)
                let y = try layer(x, outputSize: size)
                #expect(y.shape == [1, height, width, 2])
                let reference = TransposedReference(
                    layer.geometry, x: x, weight: layer.weight.value, output: y.shape)
                let bias = try #require(layer.bias).value.elements
                #expect(reference.worstError(y) { $0 + Double(bias[$1 % 2]) } < 8)
            }
        }
        for size in [Size2d(height: 9, width: 9), Size2d(height: 13, width: 9), 11] {
            #expect(
                throws: ProteanError.invalidOption(
                    layer: "ConvTranspose2d", option: "outputSize",
                    expected: "10x9 to 12x10 for an input of [1, 4, 5, 3]", found: "\(size)")
            ) { try layer(x, outputSize: size) }
        }
    }

    /// ⟨conv(a), b⟩ = ⟨a, transposed(b)⟩.
    @Test func itIsTheConvolutionsAdjoint() throws {
        let weight = try Tensor.random([6, 2, 4, 3], seed: 1)
        let options = (
            stride: Size2d(height: 2, width: 3), padding: Size2d(height: 1, width: 2),
            dilation: Size2d(height: 2, width: 1)
        )
        let conv = try Conv2d(
            weight: weight, stride: options.stride,
            padding: .symmetric(height: options.padding.height, width: options.padding.width),
            dilation: options.dilation, groups: 2)
        let transposed = try ConvTranspose2d(
            weight: weight, stride: options.stride, padding: options.padding,
            dilation: options.dilation, groups: 2)
        let a = try Tensor.random([2, 11, 13, 4], seed: 2)
        let there = try conv(a)
        let b = try Tensor.random(there.shape, seed: 3)
        let back = try transposed(b, outputSize: Size2d(height: 11, width: 13))
        func product(_ x: Tensor, _ y: Tensor) -> Double {
            zip(x.elements, y.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let (left, right) = (product(there, b), product(a, back))
        #expect(abs(left - right) < 1e-4 * max(1, abs(left)), "\(left) \(right)")
    }

    /// With stride 1 the mirrored convolution folds the norm, else the phases do.
    @Test(arguments: [1, 2])
    func aNormAndAnActivationAreFused(_ stride: Int) throws {
        let layer = try ConvTranspose2d(
            inputChannels: 6, outputChannels: 10, kernelSize: 3, stride: Size2d(stride))
        let norm = try BatchNorm2d(channels: 10)
        for (i, named) in norm.parameters.enumerated() {
            try named.parameter.set(try Initializer.uniform([10], in: 0.5...2, seed: UInt64(i)))
        }
        let fused = try FusedConvTranspose2d(layer, norm, .relu)
        let x = try Tensor.random([2, 5, 4, 6])
        let separate = try norm(try layer(x))
        let residual = try Tensor.random(separate.shape, seed: 2)
        let expected = zip(separate.elements, residual.elements).map { Double(max($0 + $1, 0)) }
        let y = try fused(x, residual: residual)
        MapTest.expect(y, shape: separate.shape, expected, tolerance: 2e-5)
        // It follows the norm.
        try norm.bias?.set(try Tensor(repeating: 100, shape: [10]))
        #expect(try fused(x).elements.allSatisfy { $0 > 50 })
        #expect(throws: ProteanError.self) {
            try FusedConvTranspose2d(layer, BatchNorm2d(channels: 9))
        }
    }

    @Test func weightsAreFollowedWhenTheyChange() throws {
        for stride in [1, 2] {
            let layer = try ConvTranspose2d(
                inputChannels: 2, outputChannels: 3, kernelSize: 2, stride: Size2d(stride))
            let x = try Tensor.random([1, 3, 3, 2])
            let before = try layer(x)
            try layer.weight.set(try Tensor(zeros: [2, 3, 2, 2]))
            try layer.bias?.set(try Tensor([1, 2, 3], shape: [3]))
            let after = try layer(x)
            #expect(after.shape == before.shape)
            #expect(after.elements.enumerated().allSatisfy { $1 == Float($0 % 3 + 1) })
        }
    }

    @Test func valuesThatAreNotFiniteReachTheirOutputsOnly() throws {
        for groups in [1, 8] {
            let layer = try ConvTranspose2d(
                inputChannels: 8, outputChannels: 8, kernelSize: 2, stride: 3, groups: groups)
            var x = try Tensor.random([1, 3, 4, 8])
            try x.withUnsafeMutableBufferPointer { $0[(1 * 4 + 2) * 8] = .nan }
            try MapTest.everywhere {
                try layer(x)
            } check: { _, y in
                let pixels = y.elements.enumerated().filter { $1.isNaN }.map { $0.offset / 8 }
                #expect(Set(pixels) == [3 * 11 + 6, 3 * 11 + 7, 4 * 11 + 6, 4 * 11 + 7])
            }
        }
    }

    @Test func aPublicOperationTakesWeightsAsTensors() throws {
        let weight = try Tensor.random([4, 3, 3, 3], seed: 1),
            bias = try Tensor.random([6], seed: 2)
        let layer = try ConvTranspose2d(
            weight: weight, bias: bias, stride: 2, padding: 1, groups: 2)
        let x = try Tensor.random([2, 5, 3, 4], seed: 3)
        let y = try Operations.convTranspose2d(
            x, weight: weight, bias: bias, stride: 2, padding: 1, groups: 2)
        #expect(y.isBitEqual(to: try layer(x)))
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try ConvTranspose2d(
            inputChannels: 6, outputChannels: 4, kernelSize: 3, stride: 2, padding: 1,
            outputPadding: 1, groups: 2)
        #expect(try layer.outputShape(for: [2, 5, 7, 6]) == [2, 10, 14, 4])
        #expect(try layer(Tensor(zeros: [0, 5, 7, 6])).shape == [0, 10, 14, 4])
        let cost = try layer.cost(for: [2, 5, 7, 6])
        #expect(cost.multiplyAdds == 2 * 5 * 7 * 6 * 2 * 9)
        #expect(cost.parameters == 6 * 2 * 9 + 4)
        #expect(layer.channelFlow == .fixed(input: 6, output: 4))
        #expect(layer.weight.shape == [6, 2, 3, 3])
    }

    @Test func refusals() throws {
        func option(_ name: String, _ body: () throws -> ConvTranspose2d) {
            #expect { try body() } throws: { error in
                guard case .invalidOption("ConvTranspose2d", name, _, _)? = error as? ProteanError
                else { return false }
                return true
            }
        }
        func layer(
            _ inputs: Int = 4, _ outputs: Int = 4, kernel: Size2d = 3, stride: Size2d = 2,
            padding: Size2d = 0, outputPadding: Size2d = 0, dilation: Size2d = 1, groups: Int = 1
        ) throws -> ConvTranspose2d {
            try ConvTranspose2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: kernel, stride: stride,
                padding: padding, outputPadding: outputPadding, dilation: dilation, groups: groups)
        }
        option("inputChannels") { try layer(5, groups: 2) }
        option("outputChannels") { try layer(4, 5, groups: 2) }
        option("groups") { try layer(groups: 0) }
        option("kernelSize") { try layer(kernel: 0) }
        option("stride") { try layer(stride: Size2d(height: 0, width: 1)) }
        option("dilation") { try layer(dilation: 0) }
        option("padding") { try layer(padding: -1) }
        option("outputPadding") { try layer(outputPadding: 2) }
        option("outputPadding") { try layer(outputPadding: -1) }
        let good = try layer(padding: 1)
        #expect(throws: ProteanError.self) { try good(Tensor(zeros: [1, 3, 3, 5])) }
        #expect(throws: ProteanError.self) { try good(Tensor(zeros: [3, 3, 4])) }
        #expect(throws: ProteanError.self) { try good(Tensor(zeros: [1, 0, 3, 4])) }
        // Padding leaves nothing of a single pixel.
        #expect(throws: ProteanError.self) {
            try layer(padding: 2)(Tensor(zeros: [1, 1, 1, 4]))
        }
        #expect(throws: ProteanError.self) {
            try layer(stride: Size2d(1 << 20)).outputShape(for: [1, 1 << 44, 1, 4])
        }
        #expect(throws: ProteanError.self) {
            try ConvTranspose2d(weight: Tensor(zeros: [2, 2, 3]))
        }
        #expect(throws: ProteanError.self) {
            try ConvTranspose2d(weight: Tensor(zeros: [2, 2, 3, 3]), bias: Tensor(zeros: [3]))
        }
        let residual = try Tensor(zeros: [1, 2, 2, 4])
        #expect(throws: ProteanError.self) {
            try good(
                Tensor(zeros: [1, 3, 3, 4]), outputSize: nil,
                epilogue: Conv2dEpilogue(residual: residual))
        }
    }
}
