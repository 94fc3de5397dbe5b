import Foundation
import Testing

@testable import Protean

@Suite struct SpatialGroupEnhanceTests {
    private static func reference(_ layer: SpatialGroupEnhance, _ x: Tensor) -> [Double] {
        let (pixels, c) = (x.shape[1] * x.shape[2], x.shape[3])
        let map = x.elements.map(Double.init), size = c / layer.groups
        let (weight, bias) = (layer.weight.value.elements, layer.bias.value.elements)
        var result = map
        for n in 0..<x.shape[0] {
            for g in 0..<layer.groups {
                func at(_ p: Int, _ k: Int) -> Int { (n * pixels + p) * c + g * size + k }
                let means = (0..<size).map { k in
                    (0..<pixels).reduce(0.0) { $0 + map[at($1, k)] } / Double(pixels)
                }
                let t = (0..<pixels).map { p in
                    (0..<size).reduce(0.0) { $0 + map[at(p, $1)] * means[$1] }
                }
                let mean = t.reduce(0, +) / Double(pixels)
                let squares = t.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                let deviation = pixels > 1 ? (squares / Double(pixels - 1)).squareRoot() : 0
                for p in 0..<pixels {
                    let z =
                        (t[p] - mean) / (deviation + 1e-5) * Double(weight[g]) + Double(bias[g])
                    for k in 0..<size { result[at(p, k)] /= 1 + exp(-z) }
                }
            }
        }
        return result
    }

    private static func layer(_ groups: Int) throws -> SpatialGroupEnhance {
        let layer = try SpatialGroupEnhance(groups: groups), shape = [1, groups, 1, 1]
        try layer.weight.set(MapTest.tensor(shape, seed: 21, range: 1))
        try layer.bias.set(MapTest.tensor(shape, seed: 22, range: 1))
        return layer
    }

    @Test(arguments: [
        ([2, 5, 9, 18], 6), ([3, 4, 3, 33], 3), ([1, 1, 1, 8], 2), ([0, 2, 3, 4], 4),
        ([1, 20, 3, 1], 1), ([1, 40, 37, 64], 16),
    ])
    func agreesWithItsFormula(shape: [Int], groups: Int) throws {
        let layer = try Self.layer(groups), x = try MapTest.tensor(shape, seed: 81)
        let expected = Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    /// As made, every gate is sigmoid(1); so it is on constant maps.
    @Test func constantGates() throws {
        let gate = 1 / (1 + exp(-1.0)), x = try MapTest.tensor([2, 3, 4, 8])
        let y = try SpatialGroupEnhance(groups: 4)(x)
        MapTest.expect(y, shape: x.shape, x.elements.map { Double($0) * gate })
        let layer = try Self.layer(2), one = try Tensor(repeating: 2, shape: [1, 5, 3, 4])
        let bias = layer.bias.value.elements
        let expected = (0..<60).map { 2 / (1 + exp(-Double(bias[$0 % 4 / 2]))) }
        MapTest.expect(try layer(one), shape: one.shape, expected, tolerance: 1e-5)
    }

    @Test func epiloguesGatesAndRecord() throws {
        let layer = try Self.layer(3), x = try MapTest.tensor([2, 3, 4, 6])
        let side = try MapTest.tensor([2, 3, 4, 6], seed: 2), plain = try layer(x)
        let separate = try Operations.add(plain, side, activation: .relu)
        let fused = try layer(x, epilogue: Conv2dEpilogue(activation: .relu, residual: side))
        #expect(fused.isBitEqual(to: separate))
        let product = try Operations.multiply(x, try layer.gates(of: x))
        #expect(product.isBitEqual(to: plain))
        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        #expect(record.entries.map(\.gates.shape) == [[2, 3, 4, 6]])
    }

    @Test func keysShapesAndCosts() throws {
        let layer = try SpatialGroupEnhance()
        #expect(layer.allParameters().map(\.name) == ["weight", "bias"])
        #expect(layer.weight.shape == [1, 64, 1, 1])
        #expect(try layer.outputShape(for: [2, 5, 6, 128]) == [2, 5, 6, 128])
        let cost = try layer.cost(for: [1, 5, 6, 64])
        #expect(cost.multiplyAdds == 2 * 1920 && cost.parameters == 128)
    }

    @Test func nanStaysInItsGroup() throws {
        var values = MapTest.values(2 * 6 * 4, seed: 63)
        values[5] = .nan
        let y = try Self.layer(2)(Tensor(values, shape: [2, 2, 3, 4])).elements
        for (i, value) in y.enumerated() { #expect(value.isNaN == (i < 24 && i % 4 < 2), "\(i)") }
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try SpatialGroupEnhance(groups: 0) }
        let layer = try SpatialGroupEnhance(groups: 4)
        for shape in [[1, 2, 2, 6], [2, 2, 16], [1, 0, 3, 16], [1, 2, 2, 0]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
