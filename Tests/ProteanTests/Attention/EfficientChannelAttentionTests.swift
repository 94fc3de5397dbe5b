import Foundation
import Testing

@testable import Protean

@Suite struct EfficientChannelAttentionTests {
    private typealias Gate = ChannelGateTest

    /// sigmoid of the convolution of means along the channels.
    private static func gates(
        _ columns: [[Double]], _ weight: [Double], bias: Double = 0, isCircular: Bool = false
    ) -> [Double] {
        let means = columns.map(Gate.mean)
        return means.indices.map { c in
            var sum = bias
            for t in weight.indices {
                let at = c + t - weight.count / 2
                if means.indices.contains(at) {
                    sum += weight[t] * means[at]
                } else if isCircular {
                    let wrapped = (at % means.count + means.count) % means.count
                    sum += weight[t] * means[wrapped]
                }
            }
            return Gate.sigmoid(sum)
        }
    }

    @Test(arguments: ChannelGateTest.shapes) func agreesWithItsFormula(_ shape: [Int]) throws {
        for size in [1, 3, 5, 7] {
            for isCircular in [false, true] {
                let layer = try EfficientChannelAttention(
                    kernelSize: size, isCircular: isCircular, bias: isCircular)
                try Gate.randomise(layer)
                let weight = try Gate.doubles(layer, "conv.weight")
                let bias = isCircular ? try Gate.doubles(layer, "conv.bias")[0] : 0
                try Gate.compare(shape, layer) {
                    Self.gates($0, weight, bias: bias, isCircular: isCircular)
                }
            }
        }
    }

    @Test(arguments: ChannelGateTest.shapes) func theHiddenFormAgreesToo(_ shape: [Int]) throws {
        let layer = try EfficientChannelAttention(kernelSize: 3, hiddenWidth: 5)
        try Gate.randomise(layer)
        let first = try Gate.doubles(layer, "conv.weight")
        let offsets = try Gate.doubles(layer, "conv.bias")
        let second = try Gate.doubles(layer, "conv2.weight")
        let bias = try Gate.doubles(layer, "conv2.bias")[0]
        try Gate.compare(shape, layer) { columns in
            let means = columns.map(Gate.mean)
            return means.indices.map { c in
                var sum = bias
                for j in 0..<5 {
                    for t in 0..<3 where means.indices.contains(c + t - 1) {
                        sum += second[j * 3 + t] * max(0, first[j] * means[c + t - 1] + offsets[j])
                    }
                }
                return Gate.sigmoid(sum)
            }
        }
    }

    /// As timm computes them.
    @Test func adaptiveKernelSizes() throws {
        let sizes = [1, 3, 8, 96, 127, 128, 256, 512, 1024, 2047, 2048].map {
            try? EfficientChannelAttention.kernelSize(channels: $0)
        }
        #expect(sizes == [3, 3, 3, 3, 3, 5, 5, 5, 5, 5, 7])
        #expect(try EfficientChannelAttention(channels: 256).kernelSize == 5)
        #expect(try EfficientChannelAttention.kernelSize(channels: 64, gamma: 1, beta: 2) == 9)
    }

    @Test func isAGate() throws {
        try Gate.checkGate(EfficientChannelAttention(kernelSize: 5), channels: 17)
        try Gate.checkGate(EfficientChannelAttention(isCircular: true, bias: true), channels: 3)
        try Gate.checkGate(EfficientChannelAttention(hiddenWidth: 4), channels: 7)
    }

    @Test func fitsTheSlotOfBlocks() throws {
        func attention(_ slot: AttentionSlot) throws -> EfficientChannelAttention {
            try #require(slot.layer(channels: 256) as? EfficientChannelAttention)
        }
        #expect(try attention(.efficientChannel()).kernelSize == 5)
        let given = try attention(.efficientChannel(kernelSize: 7, isCircular: true))
        #expect(given.kernelSize == 7 && given.isCircular)
    }

    /// With a weight of zero all gates are one half.
    @Test func zeroWeightHalves() throws {
        let layer = try EfficientChannelAttention()
        try layer.parameter(at: "conv.weight")!.set(Tensor(zeros: [1, 1, 3]))
        let x = try MapTest.tensor([2, 3, 4, 5])
        let half = try Operations.multiply(x, Tensor(repeating: 0.5, shape: [1]))
        #expect(try layer(x).isBitEqual(to: half))
    }

    @Test func keysAreTheReferences() throws {
        func keys(_ layer: EfficientChannelAttention) -> [String: [Int]] {
            Dictionary(
                uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.shape) })
        }
        #expect(try keys(EfficientChannelAttention(kernelSize: 5)) == ["conv.weight": [1, 1, 5]])
        #expect(
            try keys(EfficientChannelAttention(hiddenWidth: 6)) == [
                "conv.weight": [6, 1, 1], "conv.bias": [6], "conv2.weight": [1, 6, 3],
                "conv2.bias": [1],
            ])
    }

    @Test func refusals() throws {
        let name = "EfficientChannelAttention"
        for size in [0, 2, -1, OptionLimits.length + 1] {
            Gate.refuses(name, "kernelSize") { try EfficientChannelAttention(kernelSize: size) }
        }
        Gate.refuses(name, "hiddenWidth") { try EfficientChannelAttention(hiddenWidth: 0) }
        Gate.refuses(name, "isCircular") {
            try EfficientChannelAttention(isCircular: true, hiddenWidth: 3)
        }
        Gate.refuses(name, "channels") { try EfficientChannelAttention(channels: 0) }
        for gamma in [0, -1, Double.nan, Double.infinity] {
            Gate.refuses(name, "gamma") { try EfficientChannelAttention(channels: 8, gamma: gamma) }
        }
        for beta in [Double.nan, Double.infinity, 1e9] {
            Gate.refuses(name, "beta") { try EfficientChannelAttention(channels: 8, beta: beta) }
        }
    }
}
