import Foundation
import Testing

@testable import Protean

@Suite struct TripletAttentionTests {
    /// The gate of planes [maximum, mean] of `rows` × `columns` places.
    private static func gate(
        _ layer: TripletAttention, _ name: String, _ rows: Int, _ columns: Int,
        _ values: (Int, Int) -> [Double]
    ) -> [Double] {
        func parameter(_ part: String) -> [Double] {
            layer.parameter(at: name + part)!.value.elements.map(Double.init)
        }
        let all = (0..<rows * columns).map { values($0 / columns, $0 % columns) }
        let planes = [all.map { $0.max()! }, all.map { $0.reduce(0, +) / Double($0.count) }]
        let (k, kernel) = (layer.kernelSize, parameter(".conv.weight"))
        let deviation = (parameter(".bn.running_var")[0] + 1e-5).squareRoot()
        return (0..<rows * columns).map { place in
            var sum = 0.0
            for p in 0..<2 {
                for i in 0..<k {
                    for j in 0..<k {
                        let (v, u) = (place / columns + i - k / 2, place % columns + j - k / 2)
                        guard (0..<rows).contains(v), (0..<columns).contains(u) else { continue }
                        sum += kernel[(p * k + i) * k + j] * planes[p][v * columns + u]
                    }
                }
            }
            let z = (sum - parameter(".bn.running_mean")[0]) / deviation
            return 1 / (1 + exp(-z * parameter(".bn.weight")[0] - parameter(".bn.bias")[0]))
        }
    }

    private static func reference(_ layer: TripletAttention, _ x: Tensor) -> [Double] {
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3]), map = x.elements.map(Double.init)
        let names = layer.submodules.map(\.name)
        var result = map
        for n in 0..<x.shape[0] {
            func at(_ i: Int, _ j: Int, _ k: Int) -> Int { ((n * h + i) * w + j) * c + k }
            let cw = gate(layer, names[0], c, w) { k, j in (0..<h).map { map[at($0, j, k)] } }
            let hc = gate(layer, names[1], h, c) { i, k in (0..<w).map { map[at(i, $0, k)] } }
            let hw =
                names.count < 3
                ? nil
                : gate(layer, names[2], h, w) { i, j in (0..<c).map { map[at(i, j, $0)] } }
            for i in 0..<h {
                for j in 0..<w {
                    for k in 0..<c {
                        let two = cw[k * w + j] + hc[i * c + k]
                        result[at(i, j, k)] *= hw.map { (two + $0[i * w + j]) / 3 } ?? two / 2
                    }
                }
            }
        }
        return result
    }

    private static func layer(
        _ variant: TripletAttention.Variant = .current, size: Int = 7, isSpatial: Bool = true
    ) throws -> TripletAttention {
        let layer = try TripletAttention(
            variant: variant, kernelSize: size, isSpatial: isSpatial, seed: 3)
        for (index, named) in layer.allParameters().enumerated()
        where named.name.contains(".bn.") {
            let value: Float =
                named.name.hasSuffix("running_var") ? 0.8 : 0.1 * Float(index) - 0.7
            try named.parameter.set(Tensor(repeating: value, shape: [1]))
        }
        return layer
    }

    @Test(
        arguments: [true, false],
        [
            [2, 5, 9, 17], [3, 4, 3, 33], [1, 1, 1, 7], [0, 2, 3, 4], [1, 20, 3, 1],
            [1, 18, 67, 9],
        ])
    func agreesWithItsFormula(isSpatial: Bool, shape: [Int]) throws {
        let layer = try Self.layer(isSpatial: isSpatial), x = try MapTest.tensor(shape, seed: 81)
        let expected = Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test(arguments: [1, 3, 9]) func kernelSizes(size: Int) throws {
        let layer = try Self.layer(.original, size: size)
        let x = try MapTest.tensor([1, 6, 5, 4], seed: 5)
        MapTest.expect(
            try layer(x), shape: x.shape, Self.reference(layer, x), tolerance: 5e-6)
    }

    @Test func epiloguesAndRecord() throws {
        let layer = try Self.layer(), x = try MapTest.tensor([2, 3, 4, 6])
        let side = try MapTest.tensor([2, 3, 4, 6], seed: 2), plain = try layer(x)
        let separate = try Operations.add(plain, side, activation: .relu)
        let fused = try layer(x, epilogue: Conv2dEpilogue(activation: .relu, residual: side))
        #expect(fused.isBitEqual(to: separate))
        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        #expect(record.entries.map(\.gates.shape) == [[2, 3, 4, 6]])
    }

    @Test func keysShapesAndCosts() throws {
        func names(_ variant: TripletAttention.Variant) throws -> [String] {
            try TripletAttention(variant: variant).allParameters().map(\.name)
        }
        let current = try names(.current), original = try names(.original)
        #expect(current.count == 15 && current[0] == "cw.conv.conv.weight")
        #expect(current[1] == "cw.conv.bn.weight" && current.contains("hw.conv.bn.running_var"))
        #expect(original.contains("ChannelGateH.spatial.conv.weight"))
        #expect(original.contains("ChannelGateW.spatial.bn.bias") && original.count == 15)
        #expect(try TripletAttention(isSpatial: false).submodules.count == 2)
        let layer = try TripletAttention()
        #expect(try layer.outputShape(for: [2, 5, 6, 7]) == [2, 5, 6, 7])
        #expect(layer.channelFlow == .unchanged)
        let cost = try layer.cost(for: [1, 5, 6, 7])
        #expect(cost.multiplyAdds == 98 * (30 + 35 + 42) + 3 * 210)
        #expect(cost.parameters == 300 && cost.buffers == 6)
    }

    @Test func nanStaysInItsSample() throws {
        var values = MapTest.values(2 * 6 * 3, seed: 63)
        values[4] = .nan
        let y = try Self.layer()(Tensor(values, shape: [2, 2, 3, 3])).elements
        for (i, value) in y.enumerated() { #expect(value.isNaN == (i < 18), "\(i)") }
    }

    @Test func refusals() throws {
        for size in [0, 2, -3, 1025] {
            #expect(throws: ProteanError.self) { try TripletAttention(kernelSize: size) }
        }
        let layer = try TripletAttention()
        for shape in [[2, 2, 16], [1, 0, 3, 16], [1, 2, 2, 0]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
