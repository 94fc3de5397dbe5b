import Foundation
import Testing

@testable import Protean

@Suite struct CoordinateAttentionTests {
    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    private static func reference(_ layer: CoordinateAttention, _ x: Tensor) -> [Double] {
        func values(_ name: String) -> [Double]? {
            layer.parameter(at: name)?.value.elements.map(Double.init)
        }
        func dense(_ name: String, _ v: [Double]) -> [Double] {
            let w = values(name + ".weight")!, b = values(name + ".bias")
            let count = w.count / v.count
            return (0..<count).map { (o: Int) -> Double in
                var sum: Double = b.map { $0[o] } ?? 0
                for i in v.indices { sum += w[o * v.count + i] * v[i] }
                return sum
            }
        }
        let isSimple = layer.variant == .timmSimple
        let names = isSimple ? ["fc1", "fc_h", "fc_w"] : ["conv1", "conv_h", "conv_w"]
        func hidden(_ mean: [Double]) -> [Double] {
            let sums = dense(names[0], mean)
            guard !isSimple else { return sums.map { $0 * sigmoid($0) } }
            let (scale, shift) = (values("bn1.weight")!, values("bn1.bias")!)
            let (mean, variance) = (values("bn1.running_mean")!, values("bn1.running_var")!)
            return sums.indices.map {
                let z = (sums[$0] - mean[$0]) / (variance[$0] + 1e-5).squareRoot()
                let u = z * scale[$0] + shift[$0]
                return u * min(max(u + 3, 0), 6) / 6
            }
        }
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3]), map = x.elements.map(Double.init)
        var result = map
        for n in 0..<x.shape[0] {
            func at(_ i: Int, _ j: Int, _ k: Int) -> Int { ((n * h + i) * w + j) * c + k }
            var rows: [[Double]] = [], columns: [[Double]] = []
            for i in 0..<h {
                var mean = [Double](repeating: 0, count: c)
                for j in 0..<w { for k in 0..<c { mean[k] += map[at(i, j, k)] / Double(w) } }
                rows.append(dense(names[1], hidden(mean)))
            }
            for j in 0..<w {
                var mean = [Double](repeating: 0, count: c)
                for i in 0..<h { for k in 0..<c { mean[k] += map[at(i, j, k)] / Double(h) } }
                columns.append(dense(names[2], hidden(mean)))
            }
            for i in 0..<h {
                for j in 0..<w {
                    for k in 0..<c {
                        result[at(i, j, k)] *=
                            isSimple
                            ? sigmoid(rows[i][k] + columns[j][k])
                            : sigmoid(rows[i][k]) * sigmoid(columns[j][k])
                    }
                }
            }
        }
        return result
    }

    private static func layer(
        _ channels: Int, _ variant: CoordinateAttention.Variant
    ) throws -> CoordinateAttention {
        let layer = try CoordinateAttention(
            channels: channels, squeezeChannels: 5, variant: variant, seed: 3)
        for (index, named) in layer.allParameters().enumerated()
        where named.name.hasPrefix("bn1") {
            let isVariance = named.name.hasSuffix("running_var")
            let values = MapTest.values(5, seed: UInt64(index), range: 0.8)
            try named.parameter.set(
                Tensor(values.map { isVariance ? abs($0) + 0.5 : $0 }, shape: [5]))
        }
        return layer
    }

    @Test(
        arguments: CoordinateAttention.Variant.allCases,
        [
            [2, 5, 9, 17], [3, 4, 3, 33], [1, 1, 1, 7], [0, 2, 3, 4], [1, 70, 3, 1],
            [1, 33, 66, 40],
        ])
    func agreesWithItsFormula(variant: CoordinateAttention.Variant, shape: [Int]) throws {
        let layer = try Self.layer(shape[3], variant)
        let x = try MapTest.tensor(shape, seed: 81)
        let expected = Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test func neutralCaseAndEpilogues() throws {
        let layer = try CoordinateAttention(channels: 5)
        for name in ["conv_h", "conv_w"] {
            try layer.parameter(at: name + ".weight")!.set(Tensor(zeros: [5, 8, 1, 1]))
            try layer.parameter(at: name + ".bias")!.set(Tensor(repeating: 99, shape: [5]))
        }
        let x = try MapTest.tensor([2, 3, 4, 5]), side = try MapTest.tensor([2, 3, 4, 5], seed: 2)
        #expect(try layer(x).isBitEqual(to: x))
        let other = try Self.layer(5, .timm), plain = try other(x)
        let separate = try Operations.add(plain, side, activation: .relu)
        let fused = try other(x, epilogue: Conv2dEpilogue(activation: .relu, residual: side))
        #expect(fused.isBitEqual(to: separate))
    }

    @Test func gatesAndRecord() throws {
        let layer = try Self.layer(6, .original), x = try MapTest.tensor([2, 3, 4, 6])
        let product = try Operations.multiply(x, try layer.gates(of: x))
        #expect(try product.maximumDifference(from: try layer(x)) < 1e-6)
        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        #expect(record.entries.map(\.gates.shape) == [[2, 3, 4, 6]])
        let recorded = record.entries[0].gates
        #expect(try recorded.isBitEqual(to: layer.gates(of: x)))
    }

    @Test func keysWidthsAndCosts() throws {
        func keys(_ variant: CoordinateAttention.Variant) throws -> [String: [Int]] {
            let layer = try CoordinateAttention(channels: 96, variant: variant)
            return Dictionary(
                uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.shape) })
        }
        let original = try keys(.original), timm = try keys(.timm)
        #expect(original["conv1.weight"] == [8, 96, 1, 1] && original["conv1.bias"] == [8])
        #expect(original["conv_w.bias"] == [96] && original.count == 10)
        #expect(timm["conv_h.weight"] == [96, 8, 1, 1] && timm.count == 7)
        #expect(try keys(.timmSimple)["fc_h.weight"] == [96, 16])
        func width(_ channels: Int, _ variant: CoordinateAttention.Variant) throws -> Int {
            try CoordinateAttention(channels: channels, variant: variant).squeezeChannels
        }
        #expect(try width(512, .original) == 16)
        #expect(try width(512, .timm) == 24)
        #expect(try width(512, .timmSimple) == 88)
        let layer = try CoordinateAttention(channels: 12)
        #expect(try layer.outputShape(for: [2, 5, 6, 12]) == [2, 5, 6, 12])
        #expect(layer.channelFlow == .fixed(input: 12, output: 12))
        let cost = try layer.cost(for: [1, 5, 6, 12])
        #expect(cost.multiplyAdds == 11 * 2 * 96 + 2 * 360)
        #expect(cost.parameters == 96 + 8 + 16 + 2 * 108 && cost.buffers == 16)
    }

    @Test func nanStaysInItsSample() throws {
        var values = MapTest.values(2 * 6 * 3, seed: 63)
        values[4] = .nan
        let layer = try Self.layer(3, .original)
        let y = try layer(Tensor(values, shape: [2, 2, 3, 3])).elements
        // The row and the column of the second pixel, every channel.
        for (i, value) in y.enumerated() {
            let isReached = i < 9 || (i >= 12 && i < 15)
            #expect(value.isNaN == isReached, "\(i)")
        }
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try CoordinateAttention(channels: 0) }
        #expect(throws: ProteanError.self) {
            try CoordinateAttention(channels: 3, squeezeChannels: 0)
        }
        #expect {
            try CoordinateAttention(channels: 8, variant: .timmSimple, gate: .tanh)
        } throws: { error in
            guard case ProteanError.invalidOption(_, "gate", _, _) = error else { return false }
            return true
        }
        let layer = try CoordinateAttention(channels: 16)
        for shape in [[1, 2, 2, 3], [2, 2, 16], [1, 0, 3, 16]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
