import Testing

@testable import Protean

/// Layers with more than one input in containers.
@Suite struct MultiInputLayerTests {
    private static func condConv(_ inputs: Int, _ outputs: Int, bias: Bool = false) throws
        -> CondConv2d
    {
        try CondConv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1, bias: bias,
            experts: 3, seed: UInt64(inputs))
    }

    @Test func oneRoutingServesAllConvolutionsOfABlock() throws {
        let first = try Self.condConv(3, 5), second = try Self.condConv(5, 4, bias: true)
        let norm = try ContainerFusionTests.norm(5)
        let routing = try CondConvRouting(channels: 3, experts: 3)
        let block = try MultiInputSequential([first, norm, SiLU(), second, ReLU()])
        let whole = try Sequential([
            try SelfConditioned(block, as: "block", from: [("routing_fn", routing)]), HardSwish(),
        ])
        let x = try Tensor.random([3, 6, 5, 3], seed: 2)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let weights = try routing(x)
                var y = try Operations.activate(norm(first(x, routing: weights)), .silu)
                y = try Operations.activate(second(y, routing: weights), .relu)
                #expect(try block(x, with: [weights]).maximumDifference(from: y) < 1e-5)
                let z = try Operations.activate(y, .hardSwish)
                #expect(try whole(x).maximumDifference(from: z) < 1e-5)
            }
        }
        #expect(
            try ContainerFusionTests.layers(whole, x) == [
                "CondConvRouting", "CondConv2d", "CondConv2d", "HardSwish",
            ])
        #expect(block.channelFlow == .fixed(input: 3, output: 4))
        #expect(
            whole.allParameters().map(\.name).filter { $0.hasSuffix("weight") } == [
                "0.block.0.weight", "0.block.1.weight", "0.block.3.weight", "0.routing_fn.weight",
            ])
        // Costs and shapes without values.
        #expect(try whole.outputShape(for: [2, 7, 3, 3]) == [2, 7, 3, 4])
        #expect(try whole.cost(for: [1, 6, 5, 3]).multiplyAdds > 0)
    }

    @Test func deformableConvolutionsTakePredictedOffsets() throws {
        let conv = try DeformableConv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let offset = try Conv2d(
            inputChannels: 3, outputChannels: 18, kernelSize: 3, padding: 1, seed: 4)
        let mask = try Sequential([
            try Conv2d(inputChannels: 3, outputChannels: 9, kernelSize: 1, seed: 5), Sigmoid(),
        ])
        let norm = try ContainerFusionTests.norm(4)
        let x = try Tensor.random([2, 5, 6, 3], seed: 2)
        let lists: [[(String, any Layer)]] = [
            [("offset", offset)], [("offset", offset), ("mask", mask)],
        ]
        for sources in lists {
            let block = try SelfConditioned(conv, as: "conv", from: sources)
            let modulation = sources.count > 1 ? try mask(x) : nil
            let expected = try conv(x, offset: offset(x), mask: modulation)
            #expect(try block(x).isBitEqual(to: expected))
            let folded = try Sequential([block, norm, ReLU()])
            let separate = try Operations.activate(norm(expected), .relu)
            #expect(try folded(x).maximumDifference(from: separate) < 1e-5)
        }
    }

    /// Inactive pixels stay zero, whatever follows.
    @Test func maskedConvolutionsTakeAMask() throws {
        let conv = try MaskedConv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let norm = try ContainerFusionTests.norm(4)
        let block = try MultiInputSequential([conv, norm, Sigmoid()])
        let x = try Tensor.random([2, 5, 6, 3], seed: 2)
        let mask = try Operations.activate(try Tensor.random([2, 5, 6, 1], seed: 7), .relu)
        let fused = try FusedMaskedConv2d(conv.conv, norm, .sigmoid)
        let y = try block(x, with: [mask])
        #expect(try y.isBitEqual(to: fused(x, mask: try MaskPlan(mask))))
        for (pixel, active) in mask.elements.enumerated() where active == 0 {
            #expect(y.elements[pixel * 4..<pixel * 4 + 4].allSatisfy { $0 == 0 })
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let conv = try Self.condConv(3, 5), x = try Tensor.random([1, 4, 4, 3])
        let routing = try CondConvRouting(channels: 3, experts: 3)
        #expect(throws: ProteanError.self) { try SelfConditioned(conv, from: []) }
        #expect(throws: ProteanError.self) {
            try SelfConditioned(conv, from: [("a", routing), ("b", routing)])
        }
        #expect(throws: ProteanError.self) {
            try SelfConditioned(conv, as: "a", from: [("a", routing)])
        }
        #expect(throws: ProteanError.self) {
            try SelfConditioned(
                conv,
                from: [
                    (
                        "a",
                        try Conv2d(
                            inputChannels: 4, outputChannels: 3, kernelSize: 1)
                    )
                ])
        }
        #expect(throws: ProteanError.self) { try MultiInputSequential([ReLU()]) }
        #expect(throws: ProteanError.self) {
            try MultiInputSequential([
                conv,
                try MaskedConv2d(
                    inputChannels: 5, outputChannels: 2, kernelSize: 1),
            ])
        }
        #expect(throws: ProteanError.self) {
            try MultiInputSequential([conv, try Self.condConv(4, 2)])
        }
        let state = try DeltaConv2d(try Conv2d(inputChannels: 5, outputChannels: 2, kernelSize: 1))
        #expect(throws: ProteanError.self) { try MultiInputSequential([conv, state]) }
        let block = try MultiInputSequential([conv])
        #expect(
            throws: ProteanError.invalidOption(
                layer: "MultiInputSequential", option: "inputs", expected: "routing_weights",
                found: "0")
        ) { try block(x, with: []) }
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "layer 0 (CondConv2d)", tensor: "routing_weights", expected: "[1, 3]",
                found: [1, 2])
        ) { try block(x, with: [try Tensor.random([1, 2])]) }
    }
}
