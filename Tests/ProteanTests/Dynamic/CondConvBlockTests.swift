import Foundation
import Testing

@testable import Protean

@Suite struct CondConvBlockTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel = 3
        var stride = 1
        var expansion = 3.0
        var squeezed: Int? = 5
        var experts = 4
        var padding = CondConvBlock.Padding.symmetric

        var testDescription: String { "\(input)->\(outputs) k\(kernel) s\(stride) e\(experts)" }

        func block() throws -> CondConvBlock {
            let block = try CondConvBlock(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, expansion: expansion, activation: .silu,
                squeezeChannels: squeezed, experts: experts, eps: 1e-3)
            return try DynamicLayerValues.spread(block)
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 17], outputs: 17),
        Case(input: [1, 6, 9, 7], outputs: 33, kernel: 5, stride: 2, padding: .same),
        Case(
            input: [3, 8, 9, 3], outputs: 1, stride: 2, squeezed: nil, experts: 1, padding: .same),
        Case(input: [2, 5, 4, 1], outputs: 1, expansion: 8, experts: 8),
        Case(input: [0, 5, 4, 3], outputs: 7),
    ]

    /// One convolution of the block in double precision, then norm and activation.
    private static func step(
        _ block: CondConvBlock, _ name: String, _ norm: String, _ x: Tensor, _ routing: Tensor,
        silu: Bool
    ) throws -> [Double] {
        let conv = try #require(block.module(at: name) as? CondConv2d)
        let (weights, _) = CondConv2dTests.mixture(conv, routing)
        let sums = try Conv2dReference(conv.geometry, x: x, weights: weights, perSample: true).sums
        let normed = try DynamicLayerValues.norm(block, norm, sums, eps: 1e-3)
        return silu ? normed.map { $0 / (1 + exp(-$0)) } : normed
    }

    private static func map(_ values: [Double], like conv: Tensor, channels: Int) throws -> Tensor {
        try Tensor(values.map(Float.init), shape: Array(conv.shape.dropLast()) + [channels])
    }

    @Test(arguments: cases) func agreesWithDoubleLoops(_ test: Case) throws {
        let block = try test.block()
        let x = try Tensor.random(test.input)
        let (batch, inputs) = (test.input[0], test.input[3])
        let pixels = test.input[1] * test.input[2]
        let elements = x.elements
        let (weight, bias) = try (
            DynamicLayerValues.values(block, "routing_fn.weight"),
            DynamicLayerValues.values(block, "routing_fn.bias")
        )
        var routing: [Float] = []
        for sample in 0..<batch {
            let means = (0..<inputs).map { c in
                (0..<pixels).reduce(0.0) {
                    $0 + Double(elements[(sample * pixels + $1) * inputs + c])
                } / Double(pixels)
            }
            for expert in 0..<test.experts {
                let logit = means.indices.reduce(bias[expert]) {
                    $0 + weight[expert * inputs + $1] * means[$1]
                }
                routing.append(Float(1 / (1 + exp(-logit))))
            }
        }
        let table = try Tensor(routing, shape: [batch, test.experts])
        let hidden = makeDivisible(Double(inputs) * test.expansion, by: 8)
        var map = try Self.map(
            Self.step(block, "conv_pw", "bn1", x, table, silu: true), like: x, channels: hidden)
        let size = try block.outputShape(for: test.input)
        let outer = try Tensor(shapeOnly: Array(size.dropLast()) + [hidden])
        map = try Self.map(
            Self.step(block, "conv_dw", "bn2", map, table, silu: true), like: outer,
            channels: hidden)
        if test.squeezed != nil {
            let gate = try #require(block.module(at: "se") as? SqueezeExcitation)
            map = try gate(map)
        }
        var expected = try Self.step(block, "conv_pwl", "bn3", map, table, silu: false)
        if test.stride == 1, test.outputs == inputs {
            for (index, value) in elements.enumerated() { expected[index] += Double(value) }
        }
        try MapTest.everywhere {
            try block(x)
        } check: { isa, y in
            MapTest.expect(y, shape: size, expected, tolerance: 3e-5, "\(isa)")
        }
    }

    /// One expert and the routing weight 1: the block that EfficientNet has elsewhere.
    @Test func oneExpertIsTheOrdinaryBlock() throws {
        let block = try DynamicLayerValues.spread(
            CondConvBlock(
                inputChannels: 8, outputChannels: 8, expansion: 2, activation: .relu6, experts: 1))
        func plain(_ conv: String, _ norm: String, _ activation: Activation) throws -> FusedConv2d {
            let mixed = try #require(block.module(at: conv) as? CondConv2d)
            let geometry = mixed.geometry
            return try FusedConv2d(
                Conv2d(
                    weight: mixed.weight.value.reshaped(to: geometry.weightShape),
                    padding: geometry.padding, groups: geometry.groups, algorithm: .direct),
                try #require(block.module(at: norm) as? BatchNorm2d), activation)
        }
        let x = try Tensor.random([2, 7, 6, 8]), ones = try Tensor(repeating: 1, shape: [2, 1])
        let stages = try [
            plain("conv_pw", "bn1", .relu6), plain("conv_dw", "bn2", .relu6),
            plain("conv_pwl", "bn3", .identity),
        ]
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let expected = try stages[2](stages[1](stages[0](x)), residual: x)
                #expect(try block(x, routing: ones).isBitEqual(to: expected), "\(isa)")
            }
        }
    }

    @Test func namesAreTimms() throws {
        let block = try CondConvBlock(
            inputChannels: 4, outputChannels: 6, kernelSize: 5, expansion: 2, squeezeChannels: 1,
            experts: 3)
        #expect(
            block.allParameters().filter { !$0.name.hasPrefix("bn") }.map {
                "\($0.name) \($0.parameter.shape)"
            } == [
                "conv_pw.weight [3, 32]", "conv_dw.weight [3, 200]",
                "se.conv_reduce.weight [1, 8, 1, 1]", "se.conv_reduce.bias [1]",
                "se.conv_expand.weight [8, 1, 1, 1]", "se.conv_expand.bias [8]",
                "conv_pwl.weight [3, 48]", "routing_fn.weight [3, 4]", "routing_fn.bias [3]",
            ])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func refuses(_ option: String, _ make: () throws -> CondConvBlock) {
            let error = #expect(throws: ProteanError.self) { _ = try make() }
            guard case .invalidOption(_, option, _, _)? = error else {
                Issue.record("\(option): \(String(describing: error))")
                return
            }
        }
        refuses("inputChannels") { try CondConvBlock(inputChannels: 0, outputChannels: 1) }
        refuses("outputChannels") { try CondConvBlock(inputChannels: 1, outputChannels: 0) }
        for expansion in [0, -1, .nan, 1e12] as [Double] {
            refuses("expansion") {
                try CondConvBlock(inputChannels: 8, outputChannels: 8, expansion: expansion)
            }
        }
        refuses("groupSize") {
            try CondConvBlock(inputChannels: 8, outputChannels: 8, groupSize: 3)
        }
        refuses("kernelSize") {
            try CondConvBlock(inputChannels: 8, outputChannels: 8, kernelSize: 0)
        }
        refuses("stride") { try CondConvBlock(inputChannels: 8, outputChannels: 8, stride: .max) }
        refuses("experts") { try CondConvBlock(inputChannels: 8, outputChannels: 8, experts: 0) }
        refuses("squeezeChannels") {
            try CondConvBlock(inputChannels: 8, outputChannels: 8, squeezeChannels: 0)
        }
        let block = try CondConvBlock(inputChannels: 3, outputChannels: 3, experts: 2)
        #expect(throws: ProteanError.self) { try block(Tensor(zeros: [1, 4, 4, 2])) }
        #expect(throws: ProteanError.self) { try block(Tensor(zeros: [4, 4, 3])) }
        #expect(throws: ProteanError.self) {
            try block(Tensor(zeros: [1, 4, 4, 3]), routing: Tensor(zeros: [1, 3]))
        }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let block = try CondConvBlock(
            inputChannels: 4, outputChannels: 6, stride: 2, expansion: 2, experts: 3)
        #expect(try block.outputShape(for: [2, 7, 8, 4]) == [2, 4, 4, 6])
        #expect(block.channelFlow == .fixed(input: 4, output: 6))
        let weights = 8 * 4 + 8 * 9 + 6 * 8, first = 7 * 8 * 8 * 4, others = 4 * 4 * (8 * 9 + 48)
        #expect(
            try block.cost(for: [2, 7, 8, 4]).multiplyAdds
                == 2 * (first + others + 3 * weights + 4 * 3))
        #expect(try block.cost(for: [1, 7, 8, 4]).parameters == block.parameterCount)
    }

    @Test func notANumberStaysInItsSample() throws {
        let block = try Self.cases[0].block()
        var values = try Tensor.random([2, 7, 5, 17]).elements
        values[3] = .nan
        let y = try block(Tensor(values, shape: [2, 7, 5, 17]))
        #expect(try y.sample(0).elements.contains { $0.isNaN })
        #expect(try y.sample(1).elements.allSatisfy { $0.isFinite })
    }
}
