import Foundation
import Testing

@testable import Protean

@Suite struct ChannelAttentionTests {
    private typealias Gate = ChannelGateTest

    /// Each form is the layer that the table names, bit for bit and key for key.
    @Test func formsAreTheirLayers() throws {
        let x = try MapTest.tensor([2, 5, 7, 33])
        let layers: [ChannelAttention.Form: any SelfGating] = try [
            .mean: SqueezeExcitation(channels: 33, squeezeChannels: 8),
            .meanAndDeviation: StyleRecalibration(channels: 33),
            .convolution: EfficientChannelAttention(channels: 33),
        ]
        for form in ChannelAttention.Form.allCases {
            let attention = try ChannelAttention(channels: 33, form: form, reduction: 4)
            let layer = try #require(layers[form])
            try Gate.randomise(attention)
            try Gate.randomise(layer)
            #expect(attention.allParameters().map(\.name) == layer.allParameters().map(\.name))
            try MapTest.everywhere {
                try attention(x)
            } check: { isa, y in
                let expected = try Runtime.with(isa: isa) { try layer(x) }
                #expect(y.isBitEqual(to: expected), "\(isa) \(form)")
            }
            try Gate.checkGate(attention, channels: 33)
            #expect(attention.channelFlow == .fixed(input: 33, output: 33))
        }
    }

    /// (α ⊙ W) x = α ⊙ (W x): attention behind a convolution is a convolution whose weights depend on
    /// the input.
    @Test(arguments: ChannelAttention.Form.allCases)
    func attentionIsDynamicWeights(_ form: ChannelAttention.Form) throws {
        let (inputs, outputs) = (5, 7)
        let conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1, bias: false)
        let attention = try ChannelAttention(channels: outputs, form: form, reduction: 2)
        try Gate.randomise(attention)
        let x = try MapTest.tensor([3, 9, 6, inputs])
        for isa in KernelISA.supported {
            let (attended, dynamic) = try Runtime.with(isa: isa) {
                let features = try conv(x)
                let gates = try attention.gates(of: features)
                // One set of filters per sample: α[n, k] · W[k].
                let filters = try Operations.multiply(
                    gates.reshaped(to: [3, outputs, 1, 1, 1]),
                    conv.weight.value.reshaped(to: [1, outputs, inputs, 3, 3]))
                let samples = try Operations.split(x, sizes: [1, 1, 1], axis: 0)
                var maps: [Tensor] = []
                for (n, sample) in samples.enumerated() {
                    let own = try filters.slice(axis: 0, from: n, to: n + 1)
                        .reshaped(to: conv.weight.shape)
                    let scaled = try Conv2d(
                        inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1,
                        bias: false)
                    try scaled.weight.set(own)
                    maps.append(try scaled(sample))
                }
                return (try attention(features), try Operations.concatenate(maps, axis: 0))
            }
            // Each product is rounded at another place.
            let largest = attended.elements.map(abs).max() ?? 0
            #expect(try attended.maximumDifference(from: dynamic) < 2e-6 * largest, "\(isa)")
        }
    }

    @Test func followsAConvolutionInContainers() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 6, kernelSize: 3)
        for form in ChannelAttention.Form.allCases {
            let attention = try ChannelAttention(channels: 6, form: form)
            try Gate.randomise(attention)
            let net = try Sequential([conv, attention, ReLU()])
            let x = try MapTest.tensor([2, 5, 6, 3])
            let separate = try Operations.activate(attention(conv(x)), .relu)
            #expect(try net(x).isBitEqual(to: separate))
            #expect(try net.cost(for: [2, 5, 6, 3]).parameters == net.parameterCount)
        }
    }

    /// In the slot of a block, with the residual and the activation in the pass of the gates.
    @Test func fitsTheSlotOfBlocks() throws {
        let x = try MapTest.tensor([2, 5, 6, 3]), side = try MapTest.tensor([2, 5, 6, 6], seed: 3)
        for form in ChannelAttention.Form.allCases {
            let block = try ConvBlock(
                inputChannels: 3, outputChannels: 6, kernelSize: 3,
                attention: .channel(form, reduction: 2))
            let attention = try #require(block.attn as? ChannelAttention)
            try Gate.randomise(attention)
            #expect(attention.form == form && attention.channels == 6)
            let y = try block(x, residual: side, activation: .relu)
            let plain = try Operations.add(block(x), side, activation: .relu)
            #expect(try y.maximumDifference(from: plain) < 2e-6)
        }
    }

    @Test func refusals() throws {
        Gate.refuses("ChannelAttention", "channels") { try ChannelAttention(channels: 0) }
        Gate.refuses("ChannelAttention", "reduction") {
            try ChannelAttention(channels: 4, reduction: 0)
        }
        let small = try ChannelAttention(channels: 4)
        #expect(small.parameter(at: "fc1.weight")?.shape == [1, 4, 1, 1])
        let layer = try ChannelAttention(channels: 4, form: .convolution)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 3])) }
    }
}
