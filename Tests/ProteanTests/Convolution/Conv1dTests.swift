import Testing

@testable import Protean

/// A convolution along sequences and an input for it.
struct Conv1dCase: CustomTestStringConvertible {
    var input: [Int]
    var outputs: Int
    var kernel: Int
    var stride = 1
    var padding: Padding1d = 0
    var dilation = 1
    var groups = 1
    var bias = true

    var testDescription: String {
        "\(input) → \(outputs), \(kernel) /\(stride) \(padding) d\(dilation) g\(groups)"
    }

    func layer() throws -> Conv1d {
        try Conv1d(
            inputChannels: input[2], outputChannels: outputs, kernelSize: kernel, stride: stride,
            padding: padding, dilation: dilation, groups: groups, bias: bias, seed: 3)
    }
}

@Suite struct Conv1dTests {
    static let cases = [
        Conv1dCase(input: [2, 9, 3], outputs: 5, kernel: 3),
        Conv1dCase(input: [1, 8, 17], outputs: 33, kernel: 4, padding: .same),
        Conv1dCase(input: [3, 13, 4], outputs: 6, kernel: 5, stride: 3, padding: 2, groups: 2),
        Conv1dCase(input: [1, 20, 7], outputs: 7, kernel: 3, padding: 4, dilation: 4, groups: 7),
        Conv1dCase(
            input: [2, 11, 1], outputs: 1, kernel: 2, stride: 2,
            padding: .explicit(before: 0, after: 3), bias: false),
        Conv1dCase(input: [1, 10, 16], outputs: 16, kernel: 1, padding: .valid),
        Conv1dCase(input: [2, 15, 8], outputs: 4, kernel: 6, padding: .same, dilation: 2),
        Conv1dCase(input: [2, 700, 32], outputs: 48, kernel: 3, padding: 1),
    ]

    /// The formula as it is written.
    private static func reference(_ test: Conv1dCase, _ layer: Conv1d, _ x: [Float])
        -> (values: [Double], magnitudes: [Double], length: Int)
    {
        let (n, l, c) = (test.input[0], test.input[1], test.input[2])
        let (k, d, s) = (test.kernel, test.dilation, test.stride)
        let (before, after): (Int, Int) =
            switch test.padding {
            case .explicit(let before, let after): (before, after)
            case .same: (d * (k - 1) / 2, d * (k - 1) - d * (k - 1) / 2)
            case .valid: (0, 0)
            }
        let length = (l + before + after - d * (k - 1) - 1) / s + 1
        let w = layer.weight.value.elements, bias = layer.bias?.value.elements
        let inputs = c / test.groups, outputs = test.outputs / test.groups
        var values: [Double] = [], magnitudes: [Double] = []
        for sample in 0..<n {
            for o in 0..<length {
                for out in 0..<test.outputs {
                    var sum = Double(bias?[out] ?? 0), size = abs(sum)
                    for i in 0..<k {
                        let at = o * s - before + i * d
                        guard at >= 0, at < l else { continue }
                        for channel in 0..<inputs {
                            let value = x[(sample * l + at) * c + out / outputs * inputs + channel]
                            let term = Double(value) * Double(w[(out * inputs + channel) * k + i])
                            sum += term
                            size += abs(term)
                        }
                    }
                    values.append(sum)
                    magnitudes.append(size)
                }
            }
        }
        return (values, magnitudes, length)
    }

    @Test(arguments: cases)
    func agreesWithTheFormula(_ test: Conv1dCase) throws {
        let layer = try test.layer()
        let x = try Tensor.random(test.input, seed: 2)
        let expected = Self.reference(test, layer, x.elements)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.shape == [test.input[0], expected.length, test.outputs])
            for (i, value) in y.elements.enumerated() {
                let error = abs(Double(value) - expected.values[i])
                #expect(error <= 8 * 0x1p-24 * (expected.magnitudes[i] + 1e-3), "\(isa), \(i)")
            }
        }
    }

    @Test func aMapOfOneRowGivesTheSameBits() throws {
        let layer = try Conv1d(inputChannels: 6, outputChannels: 10, kernelSize: 3, padding: 1)
        let weight = try layer.weight.value.reshaped(to: [10, 6, 1, 3])
        let flat = try Conv2d(
            weight: weight, bias: layer.bias?.value, padding: .symmetric(height: 0, width: 1))
        let x = try Tensor.random([2, 12, 6])
        let y = try flat(try x.reshaped(to: [2, 1, 12, 6]))
        #expect(try layer(x).isBitEqual(to: y.reshaped(to: [2, 12, 10])))
    }

    @Test func anActivationIsApplied() throws {
        let layer = try Conv1d(inputChannels: 3, outputChannels: 5, kernelSize: 2)
        let x = try Tensor.random([1, 7, 3])
        let plain = try layer(x).elements
        #expect(try layer(x, activation: .relu).elements == plain.map { max($0, 0) })
    }

    @Test func anIdentityKernelReturnsItsInput() throws {
        let layer = try Conv1d(inputChannels: 2, outputChannels: 2, kernelSize: 1, bias: false)
        try layer.weight.set(try Tensor([1, 0, 0, 1], shape: [2, 2, 1]))
        let x = try Tensor.random([3, 5, 2])
        #expect(try layer(x).isBitEqual(to: x))
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try Conv1d(
            inputChannels: 6, outputChannels: 4, kernelSize: 3, stride: 2, padding: 1, groups: 2)
        #expect(try layer.outputShape(for: [2, 9, 6]) == [2, 5, 4])
        #expect(try layer(Tensor(zeros: [0, 9, 6])).shape == [0, 5, 4])
        let cost = try layer.cost(for: [2, 9, 6])
        #expect(cost.multiplyAdds == 2 * 5 * 4 * 3 * 3)
        #expect(cost.parameters == 4 * 3 * 3 + 4)
        #expect(layer.parameters.map(\.name) == ["weight", "bias"])
        #expect(layer.channelFlow == .fixed(input: 6, output: 4))
    }

    @Test func nanReachesWhatReadsIt() throws {
        let layer = try Conv1d(inputChannels: 2, outputChannels: 3, kernelSize: 3)
        var x = try Tensor.random([1, 8, 2])
        try x.withUnsafeMutableBufferPointer { $0[4 * 2] = .nan }
        let wrong = try layer(x).elements.enumerated().filter { $1.isNaN }.map(\.offset)
        #expect(wrong == Array(2 * 3..<5 * 3))
    }

    @Test func refusals() throws {
        func option(_ name: String, _ body: () throws -> Conv1d) {
            #expect { try body() } throws: { error in
                guard case .invalidOption("Conv1d", name, _, _)? = error as? ProteanError else {
                    return false
                }
                return true
            }
        }
        option("inputChannels") {
            try Conv1d(inputChannels: 5, outputChannels: 4, kernelSize: 3, groups: 2)
        }
        option("outputChannels") { try Conv1d(inputChannels: 4, outputChannels: 0, kernelSize: 3) }
        option("kernelSize") { try Conv1d(inputChannels: 4, outputChannels: 4, kernelSize: 0) }
        option("stride") {
            try Conv1d(inputChannels: 4, outputChannels: 4, kernelSize: 1, stride: -1)
        }
        option("dilation") {
            try Conv1d(inputChannels: 4, outputChannels: 4, kernelSize: 1, dilation: 1 << 21)
        }
        option("padding") {
            try Conv1d(inputChannels: 4, outputChannels: 4, kernelSize: 1, padding: -1)
        }
        option("groups") {
            try Conv1d(inputChannels: 4, outputChannels: 4, kernelSize: 1, groups: 0)
        }
        let layer = try Conv1d(inputChannels: 4, outputChannels: 4, kernelSize: 5)
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "Conv1d", tensor: "x", expected: "[batch, length, 4]", found: [1, 9, 5])
        ) { try layer(Tensor(zeros: [1, 9, 5])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [9, 4])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 4])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 0, 4])) }
    }
}
