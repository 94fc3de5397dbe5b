import Foundation
import Testing

@testable import Protean

@Suite struct BAMTests {
    private static let channel = "channel_att.gate_c.gate_c_"
    private static let spatial = "spatial_att.gate_s.gate_s_"

    /// One sample, with two convolutions of dilation 4.
    private static func reference(
        _ layer: BAM, _ x: [Double], _ h: Int, _ w: Int, _ c: Int
    ) -> [Double] {
        func values(_ name: String) -> [Double] {
            layer.parameter(at: name)!.value.elements.map(Double.init)
        }
        func norm(_ name: String, _ v: Double, _ k: Int) -> Double {
            let deviation = (values(name + ".running_var")[k] + 1e-5).squareRoot()
            let z = (v - values(name + ".running_mean")[k]) / deviation
            return max(0, z * values(name + ".weight")[k] + values(name + ".bias")[k])
        }
        func dense(_ name: String, _ v: [Double]) -> [Double] {
            let weight = values(name + ".weight"), bias = values(name + ".bias")
            return bias.indices.map { (o: Int) -> Double in
                var sum = bias[o]
                for i in v.indices { sum += weight[o * v.count + i] * v[i] }
                return sum
            }
        }
        let mean = (0..<c).map { k in
            (0..<h * w).reduce(0.0) { $0 + x[$1 * c + k] } / Double(h * w)
        }
        let hidden = dense(channel + "fc_0", mean).enumerated().map {
            norm(channel + "bn_1", $0.element, $0.offset)
        }
        let channels = dense(channel + "fc_final", hidden)
        let s = layer.squeezeChannels
        var map = (0..<h * w).flatMap { p in
            dense(spatial + "conv_reduce0", Array(x[p * c..<(p + 1) * c])).enumerated().map {
                norm(spatial + "bn_reduce0", $0.element, $0.offset)
            }
        }
        for index in 0..<2 {
            let weight = values(spatial + "conv_di_\(index).weight")
            let bias = values(spatial + "conv_di_\(index).bias"), before = map
            for p in 0..<h * w {
                for o in 0..<s {
                    var sum = bias[o]
                    for tap in 0..<9 {
                        let (i, j) = (p / w + 4 * (tap / 3 - 1), p % w + 4 * (tap % 3 - 1))
                        guard (0..<h).contains(i), (0..<w).contains(j) else { continue }
                        for k in 0..<s {
                            sum += weight[(o * s + k) * 9 + tap] * before[(i * w + j) * s + k]
                        }
                    }
                    map[p * s + o] = norm(spatial + "bn_di_\(index)", sum, o)
                }
            }
        }
        return x.indices.map { at in
            let p = at / c
            let pixel = dense(spatial + "conv_final", Array(map[p * s..<(p + 1) * s]))[0]
            return x[at] * (1 + 1 / (1 + exp(-channels[at % c] * pixel)))
        }
    }

    private static func layer(_ channels: Int, _ squeeze: Int) throws -> BAM {
        let layer = try BAM(channels: channels, squeezeChannels: squeeze, seed: 8)
        for (index, named) in layer.allParameters().enumerated()
        where named.name.contains("bn_") {
            let isVariance = named.name.hasSuffix("running_var")
            let values = MapTest.values(squeeze, seed: UInt64(index), range: 0.8)
            try named.parameter.set(
                Tensor(values.map { isVariance ? abs($0) + 0.5 : $0 }, shape: [squeeze]))
        }
        return layer
    }

    @Test(arguments: [
        [2, 5, 9, 17], [3, 4, 3, 33], [1, 1, 1, 7], [0, 2, 3, 4], [1, 14, 11, 3],
    ])
    func agreesWithItsFormula(shape: [Int]) throws {
        let layer = try Self.layer(shape[3], 3), x = try MapTest.tensor(shape, seed: 81)
        let (h, w, c) = (shape[1], shape[2], shape[3])
        let values = x.elements.map(Double.init), size = h * w * c
        let expected = (0..<shape[0]).flatMap {
            Self.reference(layer, Array(values[$0 * size..<($0 + 1) * size]), h, w, c)
        }
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    /// A spatial branch of 0 gives the gate 1 + sigmoid(0) everywhere.
    @Test func halfOpenGates() throws {
        let layer = try BAM(channels: 16), name = Self.spatial + "conv_final"
        try layer.parameter(at: name + ".weight")!.set(Tensor(zeros: [1, 1, 1, 1]))
        try layer.parameter(at: name + ".bias")!.set(Tensor(zeros: [1]))
        let x = try MapTest.tensor([2, 3, 5, 16])
        let y = try layer(x)
        let expected = try Operations.multiply(x, Tensor(repeating: 1.5, shape: [1]))
        #expect(y.isBitEqual(to: expected))
    }

    @Test func epiloguesAndRecord() throws {
        let layer = try Self.layer(6, 2), x = try MapTest.tensor([2, 3, 4, 6])
        let side = try MapTest.tensor([2, 3, 4, 6], seed: 2), plain = try layer(x)
        let separate = try Operations.add(plain, side, activation: .relu)
        let fused = try layer(x, epilogue: Conv2dEpilogue(activation: .relu, residual: side))
        #expect(fused.isBitEqual(to: separate))
        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        #expect(record.entries.map(\.gates.shape) == [[2, 3, 4, 6]])
        #expect(record.entries[0].gates.elements.allSatisfy { $0 > 1 && $0 < 2 })
    }

    @Test func keysShapesAndCosts() throws {
        let layer = try BAM(channels: 40)
        let keys = Dictionary(
            uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.shape) })
        #expect(keys.count == 4 + 4 + 3 * 6 + 2)
        #expect(keys["channel_att.gate_c.gate_c_fc_0.weight"] == [2, 40])
        #expect(keys["channel_att.gate_c.gate_c_bn_1.running_var"] == [2])
        #expect(keys["channel_att.gate_c.gate_c_fc_final.bias"] == [40])
        #expect(keys["spatial_att.gate_s.gate_s_conv_reduce0.weight"] == [2, 40, 1, 1])
        #expect(keys["spatial_att.gate_s.gate_s_conv_di_1.weight"] == [2, 2, 3, 3])
        #expect(keys["spatial_att.gate_s.gate_s_conv_final.weight"] == [1, 2, 1, 1])
        #expect(try layer.outputShape(for: [2, 5, 6, 40]) == [2, 5, 6, 40])
        #expect(layer.channelFlow == .fixed(input: 40, output: 40))
        let cost = try layer.cost(for: [1, 5, 6, 40])
        #expect(cost.multiplyAdds == 160 + 30 * (80 + 2 * 36 + 2) + 2 * 1200)
    }

    @Test func nanStaysInItsSample() throws {
        var values = MapTest.values(2 * 6 * 3, seed: 63)
        values[4] = .nan
        let y = try Self.layer(3, 2)(Tensor(values, shape: [2, 2, 3, 3])).elements
        for (i, value) in y.enumerated() { #expect(value.isNaN == (i < 18), "\(i)") }
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try BAM(channels: 15) }
        #expect(throws: ProteanError.self) { try BAM(channels: 16, dilatedConvolutions: -1) }
        #expect(throws: ProteanError.self) { try BAM(channels: 16, dilation: 0) }
        let layer = try BAM(channels: 16)
        for shape in [[1, 2, 2, 3], [2, 2, 16], [1, 0, 3, 16]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
