import Testing

@testable import Protean

@Suite struct ConvBlockTests {
    static let activations: [(String, ActivationSlot)] = [
        ("identity", .identity), ("silu", .silu), ("prelu", .prelu()),
        ("dynamicReLU", .dynamicReLU(reduction: 4)), ("acon", .acon()),
        ("metaACON", .metaACON(reduction: 2)), ("frelu", .frelu(form: .light)),
        ("dynamicShiftMax", .dynamicShiftMax(groups: 4)),
    ]
    static let attentions: [(String, AttentionSlot)] = [
        ("none", .none), ("squeezeExcitation", .squeezeExcitation(reduction: 4)),
        ("simAM", .simAM()), ("mean", .channel(.mean)),
        ("meanAndDeviation", .channel(.meanAndDeviation)), ("convolution", .channel(.convolution)),
        ("efficientChannel", .efficientChannel(kernelSize: 5)),
        ("styleRecalibration", .styleRecalibration()), ("globalContext", .globalContext()),
        ("gatedChannelTransformation", .gatedChannelTransformation()), ("bam", .bam()),
        ("cbam", .cbam()), ("coordinate", .coordinate()),
    ]

    private static func block(
        _ activation: ActivationSlot, _ attention: AttentionSlot
    ) throws -> ConvBlock {
        let block = try ConvBlock(
            inputChannels: 6, outputChannels: 16,
            kernelSize: Size2d(height: 3, width: 5), stride: 2, groups: 2,
            activation: activation, attention: attention)
        try block.randomise()
        return block
    }

    /// The parts one after another; with a residual the sum, then an activation.
    private static func separate(
        _ block: ConvBlock, _ slot: ActivationSlot, _ x: Tensor, residual: Tensor? = nil,
        _ last: Activation = .identity
    ) throws -> Tensor {
        let norm = try #require(block.module(at: "bn") as? BatchNorm2d)
        var y = try Operations.activate(norm(block.conv(x)), slot.function)
        if let act = block.act { y = try act(y) }
        if let attn = block.attn { y = try attn(y) }
        if let residual { y = try Operations.add(y, residual) }
        return try Operations.activate(y, last)
    }

    @Test(arguments: activations.indices, attentions.indices)
    func isItsPartsOneAfterAnother(_ a: Int, _ b: Int) throws {
        let slot = Self.activations[a].1
        let block = try Self.block(slot, Self.attentions[b].1)
        let x = try Tensor.random([3, 7, 9, 6]), residual = try Tensor.random([3, 4, 5, 16])
        let expected = try Self.separate(block, slot, x)
        let added = try Self.separate(block, slot, x, residual: residual, .relu)
        for isa in KernelISA.supported {
            let (y, z) = try Runtime.with(isa: isa) {
                (try block(x), try block(x, residual: residual, activation: .relu))
            }
            #expect(try y.maximumDifference(from: expected) < 2e-5, "\(isa)")
            #expect(try z.maximumDifference(from: added) < 2e-5, "\(isa)")
        }
        let inContainer = try Sequential([block, SiLU()])(x)
        let silu = try Operations.activate(block(x), .silu)
        #expect(try inContainer.maximumDifference(from: silu) < 1e-6)
        let inResidual = Residual(main: block, shortcut: Constant(residual), activation: .relu)
        let sum = try inResidual(x)
        #expect(try sum.maximumDifference(from: added) < 2e-5)
    }

    /// Gives one tensor whatever its input is.
    private struct Constant: Layer {
        let value: Tensor
        init(_ value: Tensor) { self.value = value }
        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { value }
    }

    @Test func partsAreNamed() throws {
        let block = try Self.block(.prelu(), .squeezeExcitation(reduction: 4))
        #expect(block.submodules.map(\.name) == ["conv", "bn", "act", "attn"])
        let plain = try ConvBlock(
            inputChannels: 3, outputChannels: 4, kernelSize: 1, norm: false)
        #expect(plain.allParameters().map(\.name) == ["conv.weight", "conv.bias"])
    }

    @Test func layersThatChangeTheChannelsAreRefused() throws {
        let wrong = AttentionSlot { channels throws(ProteanError) in
            try Conv2d(inputChannels: channels, outputChannels: channels + 1, kernelSize: 1)
        }
        let narrow = ActivationSlot { _ throws(ProteanError) in try DynamicReLU(channels: 8) }
        for (activation, attention, option) in [
            (ActivationSlot.relu, wrong, "attention"), (narrow, AttentionSlot.none, "activation"),
        ] {
            #expect {
                _ = try ConvBlock(
                    inputChannels: 3, outputChannels: 4, kernelSize: 3, activation: activation,
                    attention: attention)
            } throws: { error in
                if case .invalidOption(_, option, _, _) = error as? ProteanError {
                    true
                } else {
                    false
                }
            }
        }
        for size in [0, Int.max] {
            #expect(throws: ProteanError.self) {
                try ConvBlock(inputChannels: 3, outputChannels: 4, kernelSize: Size2d(size))
            }
        }
    }
}
