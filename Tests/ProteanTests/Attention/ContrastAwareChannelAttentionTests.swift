import Foundation
import Testing

@testable import Protean

@Suite struct ContrastAwareChannelAttentionTests {
    /// The gates in double precision, `[batch, channels]`.
    static func gates(_ layer: ContrastAwareChannelAttention, _ x: Tensor) -> [Double] {
        let values = x.elements.map(Double.init)
        let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
        func parameter(_ name: String) -> [Double] {
            let found = layer.allParameters().first { $0.name == name }
            return found?.parameter.value.elements.map(Double.init) ?? []
        }
        func project(_ name: String, _ v: [Double]) -> [Double] {
            let weight = parameter(name + ".weight")
            return parameter(name + ".bias").enumerated().map { k, bias in
                v.indices.reduce(bias) { $0 + v[$1] * weight[k * v.count + $1] }
            }
        }
        return (0..<n).flatMap { sample in
            let contrast = (0..<c).map { channel in
                let column = (0..<pixels).map { values[(sample * pixels + $0) * c + channel] }
                let mean = column.reduce(0, +) / Double(pixels)
                let squares = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                return (squares / Double(pixels)).squareRoot() + mean
            }
            let hidden = project("conv_du.0", contrast).map { max($0, 0) }
            return project("conv_du.2", hidden).map { 1 / (1 + exp(-$0)) }
        }
    }

    static func reference(_ layer: ContrastAwareChannelAttention, _ x: Tensor) -> [Double] {
        let gates = gates(layer, x), c = x.shape[3], each = x.shape[1] * x.shape[2] * c
        return x.elements.enumerated().map { i, value in
            Double(value) * gates[i / each * c + i % c]
        }
    }

    @Test(arguments: [
        [1, 5, 9, 17], [3, 4, 3, 33], [2, 1, 1, 7], [1, 20, 31, 3], [1, 6, 2, 1], [0, 4, 5, 17],
        [1, 65, 70, 64],
    ])
    func agreesWithItsFormula(shape: [Int]) throws {
        for reduction in [1, shape[3]] {
            let layer = try ContrastAwareChannelAttention(
                channels: shape[3], reduction: reduction, seed: 9)
            let x = try Tensor.random(shape)
            let expected = Self.reference(layer, x)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
            }
            let gates = try layer.gates(of: x)
            MapTest.expect(
                gates, shape: [shape[0], shape[3]], Self.gates(layer, x), tolerance: 2e-6)
        }
    }

    /// A mean that is a million times the deviation costs no digits of the deviation.
    @Test func aLargeMeanDoesNotHideTheDeviation() throws {
        let layer = try ContrastAwareChannelAttention(channels: 4, reduction: 1)
        // Gates that show the deviation: 1000 times the contrast less 1000 times the mean.
        let scaled = (0..<16).map { Float($0 % 5 == 0 ? 1000 : 0) }
        try layer.parameter(at: "conv_du.0.weight")!.set(Tensor(scaled, shape: [4, 4, 1, 1]))
        try layer.parameter(at: "conv_du.0.bias")!.set(Tensor(repeating: -1e7, shape: [4]))
        let one = (0..<16).map { Float($0 % 5 == 0 ? 0.1 : 0) }
        try layer.parameter(at: "conv_du.2.weight")!.set(Tensor(one, shape: [4, 4, 1, 1]))
        try layer.parameter(at: "conv_du.2.bias")!.set(Tensor(zeros: [4]))
        // Mean 1e4, deviation 2^-6 in every channel.
        let values = (0..<64 * 48 * 4).map { i -> Float in 1e4 + (i / 4 % 2 == 0 ? 1 : -1) * 0x1p-6
        }
        let gates = try layer.gates(of: Tensor(values, shape: [1, 64, 48, 4]))
        // The contrast is rounded to a float, a step of 2^-10 at 1e4, and so is its product.
        let expected = 1 / (1 + exp(-0.1 * 1000 * 0x1p-6))
        for gate in gates.elements { #expect(abs(Double(gate) - expected) < 0.03) }
    }

    @Test func anOpenGateChangesNothing() throws {
        let layer = try ContrastAwareChannelAttention(channels: 16)
        #expect(layer.squeezeChannels == 1)
        try layer.parameter(at: "conv_du.2.weight")!.set(Tensor(zeros: [16, 1, 1, 1]))
        try layer.parameter(at: "conv_du.2.bias")!.set(Tensor(repeating: 100, shape: [16]))
        let x = try Tensor.random([2, 4, 3, 16])
        #expect(try layer(x).isBitEqual(to: x))
    }

    @Test func containersHandTheActivationOver() throws {
        let layer = try ContrastAwareChannelAttention(channels: 7, reduction: 2, seed: 3)
        let x = try Tensor.random([2, 3, 5, 7])
        let separate = try Operations.activate(layer(x), .relu)
        #expect(try Sequential([layer, ReLU()])(x).isBitEqual(to: separate))
        let residual = try Tensor.random(x.shape, seed: 4)
        let sum = try layer(x, epilogue: Conv2dEpilogue(activation: .relu, residual: residual))
        let expected = try Operations.add(layer(x), residual, activation: .relu)
        #expect(try sum.maximumDifference(from: expected) < 1e-6)
        #expect(try Gated(layer)(x).isBitEqual(to: layer(x)))
    }

    /// The convolution after the gates has the gates in its weights.
    @Test(arguments: [1, 3]) func theNextConvolutionTakesTheGates(kernel: Int) throws {
        let layer = try ContrastAwareChannelAttention(channels: 17, reduction: 4, seed: 5)
        let conv = try Conv2d(
            inputChannels: 17, outputChannels: 9, kernelSize: Size2d(kernel),
            padding: .symmetric(kernel / 2), seed: 6)
        let next = try FusedConv2d(conv, nil, .relu)
        for batch in [0, 1, 3] {
            let x = try Tensor.random([batch, 6, 11, 17])
            let residual = try Tensor.random([batch, 6, 11, 9], seed: 7)
            let expected = try next(layer(x), residual: residual)
            let record = AttentionRecord()
            try MapTest.everywhere {
                try record.recording { try layer(x, then: next, residual: residual) }
            } check: { isa, y in
                #expect(y.shape == expected.shape)
                let error = try y.maximumDifference(from: expected)
                #expect(error < 2e-5, "\(isa)")
            }
            let entry = try #require(record.entries.first)
            #expect(entry.inputShape == x.shape && entry.gates.shape == [batch, 1, 1, 17])
            let planned = try layer(Tensor(shapeOnly: x.shape), then: next)
            #expect(planned.isShapeOnly && planned.shape == expected.shape)
        }
    }

    @Test func notANumberShowsInItsSampleAlone() throws {
        let layer = try ContrastAwareChannelAttention(channels: 5, reduction: 2)
        var values = MapTest.values(2 * 4 * 3 * 5)
        values[7] = .nan
        let y = try layer(Tensor(values, shape: [2, 4, 3, 5]))
        #expect(y.elements[..<60].allSatisfy(\.isNaN) && y.elements[60...].allSatisfy(\.isFinite))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for (channels, reduction) in [(0, 1), (4, 0), (4, 5), (-1, 1)] {
            #expect(throws: ProteanError.self) {
                try ContrastAwareChannelAttention(channels: channels, reduction: reduction)
            }
        }
        let layer = try ContrastAwareChannelAttention(channels: 4, reduction: 2)
        for shape in [[1, 3, 3, 5], [1, 0, 3, 4], [3, 3, 4]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
        let grouped = try FusedConv2d(
            Conv2d(inputChannels: 4, outputChannels: 4, kernelSize: 1, groups: 2))
        let error = #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [1, 2, 2, 4]), then: grouped)
        }
        #expect(error?.description.contains("groups") == true)
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try ContrastAwareChannelAttention(channels: 32)
        #expect(try layer.outputShape(for: [2, 5, 7, 32]) == [2, 5, 7, 32])
        // The gates' products and the two convolutions of two samples.
        let cost = try layer.cost(for: [2, 5, 7, 32])
        #expect(cost.multiplyAdds == 2 * 5 * 7 * 32 + 2 * 2 * 32 * 2)
        #expect(cost.parameters == 2 * 32 * 2 + 32 + 2)
    }
}
