import Foundation
import Testing

@testable import Protean

/// Convolutions with a few output channels, which vectors along the input channels compute.
@Suite struct Conv2dNarrowTests {
    /// Input, outputs, kernel, stride, padding, dilation.
    static let shapes: [([Int], Int, Size2d, Size2d, Padding2d, Size2d)] = [
        ([1, 5, 7, 64], 1, 1, 1, 0, 1), ([2, 9, 17, 33], 2, 3, 1, 1, 1),
        ([1, 13, 6, 17], 1, Size2d(height: 5, width: 3), 2, 2, 1),
        ([3, 4, 11, 129], 3, 3, Size2d(height: 1, width: 3), .same, 1),
        ([1, 12, 12, 40], 1, 3, 1, 2, 2), ([1, 3, 3, 96], 2, 7, 1, 3, 1),
        ([5, 1, 1, 500], 4, 1, 1, 0, 1), ([0, 4, 4, 64], 1, 1, 1, 0, 1),
    ]

    static func layer(_ index: Int) throws -> (Conv2d, Tensor) {
        let (input, outputs, kernel, stride, padding, dilation) = shapes[index]
        let layer = try Conv2d(
            inputChannels: input[3], outputChannels: outputs, kernelSize: kernel, stride: stride,
            padding: padding, dilation: dilation, algorithm: .direct, seed: 5)
        return (layer, try Tensor.random(input))
    }

    @Test(arguments: shapes.indices)
    func agreesWithDoubleLoopsEverywhere(index: Int) throws {
        let (layer, x) = try Self.layer(index)
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: layer.weight.value.elements.map(Double.init))
        let bias = try #require(layer.bias).value.elements.map(Double.init)
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) { try layer(x) }
            #expect(single.shape == reference.outputShape)
            for (i, value) in single.elements.enumerated() {
                let exact = reference.sums[i] + bias[i % bias.count]
                #expect(abs(Double(value) - exact) <= 1e-6 * (reference.magnitudes[i] + 1))
            }
            for threads in [2, 3] {
                let several = try Runtime.with(isa: isa, threads: threads) { try layer(x) }
                #expect(several.isBitEqual(to: single))
            }
        }
    }

    @Test func theWidestInstructionSetsChooseIt() throws {
        let (layer, x) = try Self.layer(0)
        for isa in KernelISA.supported {
            let plan = try Runtime.with(isa: isa) { try layer.plan(for: x.shape) }
            #expect(plan.algorithm == .narrow)
        }
    }

    @Test func epiloguesAgreeWithSeparateSteps() throws {
        let (layer, x) = try Self.layer(1)
        let shape = try layer.outputShape(for: x.shape)
        let residual = try Tensor.random(shape, seed: 3), gate = try Tensor.random([2, 2], seed: 4)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let plain = try layer(x)
                let clamped = try layer(
                    x, epilogue: Conv2dEpilogue(activation: .relu6, residual: residual))
                let smooth = try layer(x, epilogue: Conv2dEpilogue(activation: .silu))
                let gated = try layer(x, epilogue: Conv2dEpilogue(gate: gate))
                let bias = try #require(layer.bias).value.elements
                for i in 0..<plain.count {
                    let sum = plain.elements[i] + residual.elements[i]
                    #expect(clamped.elements[i] == min(max(sum, 0), 6))
                    let y = Double(plain.elements[i])
                    #expect(abs(Double(smooth.elements[i]) - y / (1 + exp(-y))) < 1e-6)
                    let factor = gate.elements[i / (shape[1] * shape[2] * 2) * 2 + i % 2]
                    let expected = (plain.elements[i] - bias[i % 2]) * factor + bias[i % 2]
                    #expect(abs(gated.elements[i] - expected) < 1e-5)
                }
            }
        }
    }

    @Test func notANumberStaysInItsReceptiveField() throws {
        let layer = try Conv2d(
            inputChannels: 20, outputChannels: 1, kernelSize: 3, padding: 1, algorithm: .direct)
        var x = try Tensor.random([1, 7, 7, 20])
        try x.withUnsafeMutableBufferPointer { $0[(3 * 7 + 3) * 20 + 19] = .nan }
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try layer(x) }.elements
            for (i, value) in y.enumerated() {
                let near = abs(i / 7 - 3) <= 1 && abs(i % 7 - 3) <= 1
                #expect(value.isNaN == near)
            }
        }
    }
}
