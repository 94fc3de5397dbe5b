import Foundation
import Testing

@testable import Protean

@Suite struct PixelAttentionTests {
    /// x · sigmoid(W · x + b) in double precision.
    private static func reference(_ layer: PixelAttention, _ x: Tensor) -> [Double] {
        let parameters = layer.allParameters().map { $0.parameter.value.elements.map(Double.init) }
        let (weight, bias, c) = (parameters[0], parameters[1], layer.channels)
        let values = x.elements.map(Double.init)
        return values.indices.map { i in
            let (pixel, k) = (i / c, i % c)
            let sum = (0..<c).reduce(bias[k]) { $0 + weight[k * c + $1] * values[pixel * c + $1] }
            return values[i] / (1 + exp(-sum))
        }
    }

    @Test(arguments: [
        [2, 5, 9, 17], [3, 4, 3, 33], [1, 1, 1, 7], [0, 2, 3, 4], [1, 61, 40, 3],
    ])
    func agreesWithItsFormula(_ shape: [Int]) throws {
        let layer = try PixelAttention(channels: shape[3], seed: 4)
        let x = try MapTest.tensor(shape, seed: 71)
        let expected = Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test func openGatesChangeNothing() throws {
        let layer = try PixelAttention(channels: 5)
        try layer.parameter(at: "conv.weight")!.set(Tensor(zeros: [5, 5, 1, 1]))
        // The sigmoid of 100 is 1 in Float32.
        try layer.parameter(at: "conv.bias")!.set(Tensor(repeating: 100, shape: [5]))
        let x = try MapTest.tensor([2, 3, 4, 5])
        #expect(try layer(x).isBitEqual(to: x))
    }

    /// Activation and residual after the layer give the bits of separate layers.
    @Test func epilogues() throws {
        let layer = try PixelAttention(channels: 7)
        let (x, side) = try (MapTest.tensor([2, 3, 5, 7]), MapTest.tensor([2, 3, 5, 7], seed: 2))
        let plain = try layer(x)
        let active = try layer(x, epilogue: Conv2dEpilogue(activation: .relu))
        let expected = try Operations.activate(plain, .relu)
        #expect(active.isBitEqual(to: expected))
        let sum = try layer(x, residual: side, activation: .relu)
        let expectedSum = try Operations.add(plain, side, activation: .relu)
        #expect(sum.isBitEqual(to: expectedSum))
        let both = try layer(x, epilogue: Conv2dEpilogue(activation: .relu, residual: side))
        #expect(both.isBitEqual(to: sum))
    }

    @Test func nanStaysInItsPixel() throws {
        var values = MapTest.values(6 * 3, seed: 63)
        values[4] = .nan
        let y = try PixelAttention(channels: 3)(Tensor(values, shape: [1, 2, 3, 3])).elements
        for (i, value) in y.enumerated() { #expect(value.isNaN == (i / 3 == 1), "\(i)") }
    }

    @Test func shapesKeysAndCosts() throws {
        let layer = try PixelAttention(channels: 6)
        #expect(layer.allParameters().map(\.name) == ["conv.weight", "conv.bias"])
        #expect(layer.allParameters().map(\.parameter.shape) == [[6, 6, 1, 1], [6]])
        #expect(try layer.outputShape(for: [2, 3, 4, 6]) == [2, 3, 4, 6])
        let cost = try layer.cost(for: [2, 3, 4, 6])
        #expect(cost.multiplyAdds == 24 * 36 + 24 * 6 && cost.parameters == 42)
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
    }

    @Test func refusals() throws {
        #expect {
            try PixelAttention(channels: 0)
        } throws: { error in
            guard case ProteanError.invalidOption("PixelAttention", "channels", _, _) = error else {
                return false
            }
            return true
        }
        #expect {
            try PixelAttention(channels: 4)(Tensor(zeros: [1, 2, 2, 3]))
        } throws: { error in
            guard case ProteanError.shapeMismatch(_, "x", _, [1, 2, 2, 3]) = error else {
                return false
            }
            return true
        }
    }
}
