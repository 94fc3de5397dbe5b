import Foundation
import Testing

@testable import Protean

@Suite struct ConcurrentSqueezeExcitationTests {
    private typealias Gate = ChannelGateTest

    private static func expected(
        _ x: Tensor, _ layer: ConcurrentSqueezeExcitation
    ) throws -> [Double] {
        let values = x.elements.map(Double.init)
        let (pixels, c) = (x.shape[1] * x.shape[2], x.shape[3])
        let parts = try ["cSE.1", "cSE.3", "sSE.0"].map {
            (try Gate.doubles(layer, $0 + ".weight"), try Gate.doubles(layer, $0 + ".bias"))
        }
        func dense(_ v: [Double], _ i: Int) -> [Double] {
            let (weight, bias) = parts[i]
            return bias.indices.map { o in
                v.indices.reduce(bias[o]) { $0 + weight[o * v.count + $1] * v[$1] }
            }
        }
        var result = values
        for n in 0..<x.shape[0] {
            let means = (0..<c).map { Gate.mean(Gate.column(x, values, n, $0)) }
            let channel = dense(dense(means, 0).map { max(0, $0) }, 1).map(Gate.sigmoid)
            for p in 0..<pixels {
                let at = (n * pixels + p) * c
                let pixel = Gate.sigmoid(dense(Array(values[at..<at + c]), 2)[0])
                for k in 0..<c {
                    result[at + k] *=
                        layer.takesLarger ? max(channel[k], pixel) : channel[k] + pixel
                }
            }
        }
        return result
    }

    @Test(arguments: ChannelGateTest.shapes + [[2, 1, 1, 5], [1, 37, 41, 65]])
    func agreesWithItsFormula(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 61)
        for takesLarger in [false, true] {
            let layer = try ConcurrentSqueezeExcitation(
                channels: shape[3], squeezeChannels: 5, takesLarger: takesLarger)
            try Gate.randomise(layer)
            let expected = try Self.expected(x, layer)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa) \(takesLarger)")
            }
        }
    }

    @Test func openGates() throws {
        let x = try MapTest.tensor([2, 3, 4, 5])
        for takesLarger in [false, true] {
            let layer = try ConcurrentSqueezeExcitation(
                channels: 5, squeezeChannels: 2, takesLarger: takesLarger)
            try layer.parameter(at: "cSE.3.weight")!.set(Tensor(zeros: [5, 2, 1, 1]))
            try layer.parameter(at: "cSE.3.bias")!.set(Tensor(repeating: 100, shape: [5]))
            try layer.parameter(at: "sSE.0.weight")!.set(Tensor(zeros: [1, 5, 1, 1]))
            try layer.parameter(at: "sSE.0.bias")!.set(Tensor(repeating: 100, shape: [1]))
            let twice = try Operations.add(x, x)
            #expect(try layer(x).isBitEqual(to: takesLarger ? x : twice))
        }
    }

    @Test func epiloguesGatesAndRecords() throws {
        let layer = try ConcurrentSqueezeExcitation(channels: 7, squeezeChannels: 3)
        let (x, side) = try (MapTest.tensor([2, 5, 3, 7]), MapTest.tensor([2, 5, 3, 7], seed: 2))
        let plain = try layer(x)
        let active = try layer(x, epilogue: Conv2dEpilogue(activation: .silu))
        #expect(try active.isBitEqual(to: Operations.activate(plain, .silu)))
        let both = Conv2dEpilogue(activation: .relu, residual: side)
        #expect(
            try layer(x, epilogue: both).isBitEqual(
                to: Operations.add(plain, side, activation: .relu)))
        let gates = try layer.gates(of: x)
        #expect(try Operations.multiply(x, gates).isBitEqual(to: plain))
        #expect(try Gated(layer)(x).isBitEqual(to: plain))
        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        #expect(record.entries.count == 1 && record.entries[0].gates.isBitEqual(to: gates))
    }

    /// A NaN reaches its whole sample through the mean; one in a channel's gate that channel alone.
    @Test func nan() throws {
        var values = MapTest.values(2 * 6 * 3, seed: 63)
        values[4] = .nan
        let layer = try ConcurrentSqueezeExcitation(channels: 3, squeezeChannels: 2)
        let y = try layer(Tensor(values, shape: [2, 2, 3, 3])).elements
        #expect(y[18...].allSatisfy { !$0.isNaN } && y[3..<6].allSatisfy { $0.isNaN })
        let x = try MapTest.tensor([1, 2, 2, 3])
        for takesLarger in [false, true] {
            for isa in KernelISA.supported {
                let z = try Runtime.with(isa: isa) {
                    try Operations.concurrentGate(
                        x, channel: Tensor([0.5, .nan, 0.5], shape: [1, 3]),
                        weight: Tensor([1, 2, 3], shape: [3]), takesLarger: takesLarger)
                }
                for (i, value) in z.elements.enumerated() {
                    #expect(value.isNaN == (i % 3 == 1), "\(isa)")
                }
            }
        }
    }

    @Test func keysShapesAndRefusals() throws {
        let layer = try ConcurrentSqueezeExcitation(channels: 6, squeezeChannels: 2)
        #expect(
            layer.allParameters().map(\.name) == [
                "cSE.1.weight", "cSE.1.bias", "cSE.3.weight", "cSE.3.bias", "sSE.0.weight",
                "sSE.0.bias",
            ])
        #expect(try layer.outputShape(for: [2, 3, 4, 6]) == [2, 3, 4, 6])
        let cost = try layer.cost(for: [2, 3, 4, 6])
        #expect(cost.parameters == layer.parameterCount)
        #expect(cost.multiplyAdds == 2 * 144 + 2 * 24)
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
        #expect(try layer(Tensor(zeros: [0, 2, 3, 6])).shape == [0, 2, 3, 6])
        for shape in [[1, 0, 3, 6], [2, 2, 3, 5], [2, 3, 6]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
        let name = "ConcurrentSqueezeExcitation"
        Gate.refuses(name, "channels") {
            try ConcurrentSqueezeExcitation(channels: 0, squeezeChannels: 1)
        }
        Gate.refuses(name, "squeezeChannels") {
            try ConcurrentSqueezeExcitation(channels: 4, squeezeChannels: 0)
        }
        let x = try Tensor(zeros: [1, 2, 2, 3]), row = try Tensor(zeros: [1, 3])
        #expect(throws: ProteanError.self) {
            try Operations.concurrentGate(x, channel: x, weight: row)
        }
        #expect(throws: ProteanError.self) {
            try Operations.concurrentGate(x, channel: row, weight: Tensor(zeros: [2]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.concurrentGate(x, channel: row, weight: row, bias: row)
        }
    }
}
