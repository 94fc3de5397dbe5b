import Foundation
import Testing

@testable import Protean

@Suite struct ESATests {
    /// A map in double precision.
    private struct Map {
        let height, width, channels: Int
        var values: [Double]

        subscript(y: Int, x: Int, c: Int) -> Double { values[(y * width + x) * channels + c] }

        static func made(
            _ height: Int, _ width: Int, _ channels: Int, _ value: (Int, Int, Int) -> Double
        ) -> Map {
            var values: [Double] = []
            for y in 0..<height {
                for x in 0..<width { for c in 0..<channels { values.append(value(y, x, c)) } }
            }
            return Map(height: height, width: width, channels: channels, values: values)
        }

        func mapped(_ body: (Double) -> Double) -> Map {
            Map(height: height, width: width, channels: channels, values: values.map(body))
        }

        func convolved(_ layer: ESA, _ name: String, stride: Int = 1, padding: Int = 0) -> Map {
            let weight = layer.parameter(at: name + ".weight")!
            let (w, b) = (
                weight.value.elements, layer.parameter(at: name + ".bias")!.value.elements
            )
            let (k, shape) = (weight.shape[2], weight.shape)
            func size(_ input: Int) -> Int { (input + 2 * padding - k) / stride + 1 }
            return .made(size(height), size(width), shape[0]) { y, x, o in
                var sum = Double(b[o])
                for c in 0..<channels {
                    for i in 0..<k {
                        for j in 0..<k {
                            let (v, u) = (y * stride + i - padding, x * stride + j - padding)
                            guard (0..<height).contains(v), (0..<width).contains(u) else {
                                continue
                            }
                            sum += Double(w[((o * channels + c) * k + i) * k + j]) * self[v, u, c]
                        }
                    }
                }
                return sum
            }
        }

        func largest() -> Map {
            .made((height - 7) / 3 + 1, (width - 7) / 3 + 1, channels) { y, x, c in
                var most = -Double.infinity
                for i in 0..<7 {
                    for j in 0..<7 { most = max(most, self[3 * y + i, 3 * x + j, c]) }
                }
                return most
            }
        }

        func resized(_ newHeight: Int, _ newWidth: Int) -> Map {
            func place(_ i: Int, _ size: Int, _ newSize: Int) -> (Int, Int, Double) {
                let at = max(0, (Double(i) + 0.5) * Double(size) / Double(newSize) - 0.5)
                let low = min(Int(at), size - 1)
                return (low, min(low + 1, size - 1), at - Double(low))
            }
            return .made(newHeight, newWidth, channels) { y, x, c in
                let (y0, y1, v) = place(y, height, newHeight),
                    (x0, x1, u) = place(x, width, newWidth)
                return (1 - v) * ((1 - u) * self[y0, x0, c] + u * self[y0, x1, c])
                    + v * ((1 - u) * self[y1, x0, c] + u * self[y1, x1, c])
            }
        }
    }

    private static func reference(_ layer: ESA, _ x: Tensor) -> [Double] {
        let (height, width, c) = (x.shape[1], x.shape[2], x.shape[3])
        let values = x.elements.map(Double.init), size = height * width * c
        var result: [Double] = []
        for sample in 0..<x.shape[0] {
            let own = Array(values[sample * size..<(sample + 1) * size])
            let map = Map(height: height, width: width, channels: c, values: own)
            let narrow = map.convolved(layer, "conv1")
            var wide = narrow.convolved(layer, "conv2", stride: 2).largest()
            if layer.variant == .rfdn {
                wide = wide.convolved(layer, "conv_max", padding: 1).mapped { max($0, 0) }
                wide = wide.convolved(layer, "conv3", padding: 1).mapped { max($0, 0) }
                wide = wide.convolved(layer, "conv3_", padding: 1)
            } else {
                wide = wide.convolved(layer, "conv3", padding: 1)
            }
            let side = wide.resized(height, width), straight = narrow.convolved(layer, "conv_f")
            let sum = Map.made(height, width, layer.squeezeChannels) { y, x, c in
                side[y, x, c] + straight[y, x, c]
            }
            let gates = sum.convolved(layer, "conv4").mapped { 1 / (1 + exp(-$0)) }
            result += zip(own, gates.values).map { $0 * $1 }
        }
        return result
    }

    @Test(arguments: ESA.Variant.allCases, [[2, 17, 30, 7], [1, 15, 15, 4], [0, 15, 17, 5]])
    func agreesWithItsFormula(variant: ESA.Variant, shape: [Int]) throws {
        let layer = try ESA(channels: shape[3], squeezeChannels: 3, variant: variant, seed: 4)
        let x = try MapTest.tensor(shape, seed: 72)
        let expected = Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    /// With zero weights and a large bias in the last convolution every gate is 1.
    @Test func openGatesChangeNothing() throws {
        let layer = try ESA(channels: 8)
        #expect(layer.squeezeChannels == 2)
        try layer.parameter(at: "conv4.weight")!.set(Tensor(zeros: [8, 2, 1, 1]))
        try layer.parameter(at: "conv4.bias")!.set(Tensor(repeating: 100, shape: [8]))
        let x = try MapTest.tensor([1, 16, 19, 8])
        #expect(try layer(x).isBitEqual(to: x))
    }

    @Test func keysAreTheReferences() throws {
        func names(_ variant: ESA.Variant) throws -> [String] {
            try ESA(channels: 8, variant: variant).submodules.map(\.name)
        }
        #expect(try names(.rlfn) == ["conv1", "conv_f", "conv2", "conv3", "conv4"])
        #expect(
            try names(.rfdn) == [
                "conv1", "conv_f", "conv_max", "conv2", "conv3", "conv3_", "conv4",
            ])
        let layer = try ESA(channels: 46, squeezeChannels: 16)
        #expect(layer.parameter(at: "conv4.weight")?.shape == [46, 16, 1, 1])
        #expect(layer.parameter(at: "conv2.weight")?.shape == [16, 16, 3, 3])
    }

    @Test func shapesAndCosts() throws {
        let layer = try ESA(channels: 6, squeezeChannels: 2)
        #expect(try layer.outputShape(for: [2, 15, 18, 6]) == [2, 15, 18, 6])
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
        // Per pixel conv1, conv_f, conv4 and the gate; conv2 of 7 × 8, conv3 of 1 × 1 pixels.
        let cost = try layer.cost(for: [1, 15, 18, 6])
        #expect(cost.multiplyAdds == 270 * (12 + 4 + 12 + 6) + 56 * 36 + 36)
        #expect(cost.parameters == 14 + 6 + 38 + 38 + 18)
    }

    @Test func nanReachesItsPixel() throws {
        var values = MapTest.values(15 * 15 * 4, seed: 63)
        values[4] = .nan
        let y = try ESA(channels: 4)(Tensor(values, shape: [1, 15, 15, 4])).elements
        let reached = y[4..<8].filter(\.isNaN).count
        #expect(reached == 4)
    }

    @Test func refusals() throws {
        for shape in [[1, 14, 20, 4], [1, 20, 14, 4], [1, 15, 15, 3], [15, 15, 4]] {
            #expect("\(shape)") {
                try ESA(channels: 4)(Tensor(zeros: shape))
            } throws: { error in
                guard case ProteanError.shapeMismatch(_, "x", _, shape) = error else {
                    return false
                }
                return true
            }
        }
        #expect(throws: ProteanError.self) { try ESA(channels: 3) }
        #expect(throws: ProteanError.self) { try ESA(channels: 3, squeezeChannels: 0) }
    }
}
