import Foundation
import Testing

@testable import Protean

@Suite struct MultiheadAttentionTests {
    typealias Attention = ScaledDotProductAttentionTests

    /// A layer with values in all its parameters.
    static func layer(
        channels: Int, heads: Int, bias: Bool = true, added: Bool = false, zeros: Bool = false,
        keyChannels: Int? = nil, valueChannels: Int? = nil
    ) throws -> MultiheadAttention {
        let layer = try MultiheadAttention(
            embeddingChannels: channels, heads: heads, bias: bias, addBiasKeyValue: added,
            addZeroAttention: zeros, keyChannels: keyChannels, valueChannels: valueChannels)
        for (i, named) in layer.allParameters().enumerated() {
            let shape = named.parameter.shape
            try named.parameter.set(
                MapTest.tensor(shape, seed: UInt64(200 + i), range: 0.8))
        }
        return layer
    }

    /// x · weightᵀ + bias in double precision for the rows `part` of the weight's thirds.
    static func project(
        _ x: Tensor, _ weight: Tensor, _ bias: [Float]?, part: Int, channels: Int
    ) -> [Double] {
        let (a, w, inputs) = (x.elements, weight.elements, x.shape[2])
        let offset = weight.shape[0] == channels ? 0 : part * channels
        return (0..<x.shape[0] * x.shape[1]).flatMap { row in
            (0..<channels).map { o in
                (0..<inputs).reduce(bias.map { Double($0[part * channels + o]) } ?? 0) {
                    $0 + Double(a[row * inputs + $1]) * Double(w[(offset + o) * inputs + $1])
                }
            }
        }
    }

    /// The layer in double precision: result and weights per head.
    static func reference(
        _ layer: MultiheadAttention, _ inputs: [Tensor],
        mask: (Int, Int, Int, Int) -> Double = { _, _, _, _ in 0 }
    ) throws -> (y: [Double], weights: [Double]) {
        let (e, heads) = (layer.embeddingChannels, layer.heads)
        let bias = layer.parameter(at: "in_proj_bias")?.value.elements
        let names = ["q", "k", "v"].map { "\($0)_proj_weight" }
        var parts = try zip(inputs, names).enumerated().map { i, pair in
            let weight = try #require(
                layer.parameter(at: "in_proj_weight") ?? layer.parameter(at: pair.1))
            return project(pair.0, weight.value, bias, part: i, channels: e)
        }
        let (batch, queries, given) = (inputs[0].shape[0], inputs[0].shape[1], inputs[1].shape[1])
        var keys = given
        for (i, name) in [(1, "bias_k"), (2, "bias_v")] {
            var rows: [Double] = []
            for n in 0..<batch {
                rows += parts[i][n * given * e..<(n + 1) * given * e]
                let learned = layer.parameter(at: name)?.value.elements.map(Double.init) ?? []
                let zeros = layer.addZeroAttention ? [Double](repeating: 0, count: e) : []
                rows += learned + zeros
                keys = given + (learned.count + zeros.count) / e
            }
            parts[i] = rows
        }
        // Heads in front, as the operation's reference takes them.
        func split(_ rows: [Double], _ length: Int) throws -> Tensor {
            let depth = e / heads
            var values: [Float] = []
            for n in 0..<batch {
                for h in 0..<heads {
                    for i in 0..<length {
                        let at = (n * length + i) * e + h * depth
                        values += rows[at..<at + depth].map { Float($0) }
                    }
                }
            }
            return try Tensor(values, shape: [batch * heads, length, depth])
        }
        let attended = Attention.reference(
            try split(parts[0], queries), try split(parts[1], keys), try split(parts[2], keys)
        ) { $2 < given ? mask($0 / heads, $0 % heads, $1, $2) : 0 }
        var joined: [Float] = []
        for n in 0..<batch {
            for i in 0..<queries {
                for h in 0..<heads {
                    let at = ((n * heads + h) * queries + i) * (e / heads)
                    joined += attended.y[at..<at + e / heads].map { Float($0) }
                }
            }
        }
        let output = try #require(layer.parameter(at: "out_proj.weight")).value
        let y = project(
            try Tensor(joined, shape: [batch, queries, e]), output,
            layer.parameter(at: "out_proj.bias")?.value.elements, part: 0, channels: e)
        return (y, attended.weights)
    }

    @Test(arguments: [(1, 1, 1, 1), (2, 5, 6, 3), (3, 7, 12, 4), (0, 3, 4, 2), (2, 40, 34, 2)])
    func selfAttention(_ batch: Int, _ length: Int, _ channels: Int, _ heads: Int) throws {
        for bias in [true, false] {
            let layer = try Self.layer(channels: channels, heads: heads, bias: bias)
            let x = try MapTest.tensor([batch, length, channels], seed: 91, range: 1)
            let expected = try Self.reference(layer, [x, x, x]).y
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: x.shape, expected, tolerance: 5e-6, "\(isa)")
            }
        }
    }

    /// Every way to have keys and values of their own.
    @Test(
        arguments: [(nil, nil), (5, nil), (nil, 9), (3, 7)] as [(Int?, Int?)],
        [(false, false), (true, false), (false, true), (true, true)])
    func crossAttention(_ channels: (Int?, Int?), _ extra: (Bool, Bool)) throws {
        let layer = try Self.layer(
            channels: 6, heads: 2, added: extra.0, zeros: extra.1, keyChannels: channels.0,
            valueChannels: channels.1)
        let q = try MapTest.tensor([2, 4, 6], seed: 92, range: 1)
        let k = try MapTest.tensor([2, 5, channels.0 ?? 6], seed: 93, range: 1)
        let v = try MapTest.tensor([2, 5, channels.1 ?? 6], seed: 94, range: 1)
        let padding: [Float] = [0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
        let added = MapTest.values(20, seed: 95)
        let expected = try Self.reference(layer, [q, k, v]) { n, _, i, j in
            padding[n * 5 + j] == 1 ? -.infinity : Double(added[i * 5 + j])
        }
        let means = Self.averages(expected.weights, batch: 2, heads: 2, queries: 4)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let masks: (AttentionMask, AttentionMask) = (
                    .additive(try Tensor(added, shape: [4, 5])),
                    .dropping(try Tensor(padding, shape: [2, 5]))
                )
                let y = try layer(query: q, key: k, value: v, mask: masks.0, keyMask: masks.1)
                MapTest.expect(y, shape: [2, 4, 6], expected.y, tolerance: 5e-6, "\(isa)")
                let keys = 5 + (extra.0 ? 1 : 0) + (extra.1 ? 1 : 0)
                for averaged in [true, false] {
                    let both = try layer.attend(
                        query: q, key: k, value: v, mask: masks.0, keyMask: masks.1,
                        averaged: averaged)
                    #expect(both.output.isBitEqual(to: y), "\(isa)")
                    MapTest.expect(
                        both.weights, shape: averaged ? [2, 4, keys] : [2, 2, 4, keys],
                        averaged ? means : expected.weights, tolerance: 5e-6, "\(isa)")
                }
            }
        }
    }

    /// Means over the heads of `[batch, heads, queries, keys]`.
    private static func averages(
        _ weights: [Double], batch: Int, heads: Int, queries: Int
    ) -> [Double] {
        let plane = weights.count / (batch * heads)
        return (0..<batch).flatMap { n in
            (0..<plane).map { i in
                (0..<heads).reduce(0.0) { $0 + weights[(n * heads + $1) * plane + i] }
                    / Double(heads)
            }
        }
    }

    @Test(arguments: [false, true]) func causal(_ added: Bool) throws {
        let layer = try Self.layer(channels: 8, heads: 2, added: added, zeros: added)
        let x = try MapTest.tensor([2, 21, 8], seed: 96, range: 1)
        let expected = try Self.reference(layer, [x, x, x]) { $3 > $2 ? -.infinity : 0 }
        try MapTest.everywhere {
            try layer(query: x, key: x, value: x, isCausal: true)
        } check: { isa, y in
            MapTest.expect(y, shape: x.shape, expected.y, tolerance: 5e-6, "\(isa)")
        }
        let weights = try layer.attend(
            query: x, key: x, value: x, isCausal: true, averaged: false
        ).weights
        MapTest.expect(
            weights, shape: [2, 2, 21, added ? 23 : 21], expected.weights, tolerance: 5e-6)
    }

    /// One product for all three projections and one each give the same bits.
    @Test func queriesKeysAndValuesMayBeCopies() throws {
        let layer = try Self.layer(channels: 12, heads: 3)
        let x = try MapTest.tensor([2, 9, 12], seed: 97)
        let copies = try (0..<2).map { _ in try Tensor(x.elements, shape: x.shape) }
        let y = try layer(query: x, key: copies[0], value: copies[1])
        #expect(y.isBitEqual(to: try layer(x)))
    }

    /// All keys of the second sample are padding: nothing is attended to.
    @Test func aQueryWithoutKeysGivesTheOutputsBias() throws {
        let layer = try Self.layer(channels: 4, heads: 2)
        let x = try MapTest.tensor([2, 3, 4], seed: 98)
        let mask = AttentionMask.dropping(try Tensor([0, 0, 0, 1, 1, 1], shape: [2, 3]))
        let both = try layer.attend(query: x, key: x, value: x, keyMask: mask)
        let bias = try #require(layer.parameter(at: "out_proj.bias")).value.elements
        #expect(Array(both.output.elements[12...]) == bias + bias + bias)
        #expect(both.weights.elements[9...].allSatisfy { $0 == 0 })
        #expect(both.weights.elements[..<3].reduce(0, +) > 0.99)
    }

    @Test func newWeightsAreUsed() throws {
        let layer = try Self.layer(channels: 4, heads: 2)
        let x = try MapTest.tensor([1, 3, 4], seed: 99)
        let before = try layer(x)
        try #require(layer.parameter(at: "in_proj_weight")).set(Tensor(zeros: [12, 4]))
        #expect(try !layer(x).isBitEqual(to: before))
        let expected = try Self.reference(layer, [x, x, x]).y
        MapTest.expect(try layer(x), shape: x.shape, expected, tolerance: 5e-6)
    }

    @Test func keysAndShapesAreTheReferences() throws {
        func keys(_ layer: MultiheadAttention) -> [String: [Int]] {
            Dictionary(
                uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.shape) })
        }
        #expect(
            keys(try Self.layer(channels: 8, heads: 2)) == [
                "in_proj_weight": [24, 8], "in_proj_bias": [24], "out_proj.weight": [8, 8],
                "out_proj.bias": [8],
            ])
        #expect(
            keys(try Self.layer(channels: 8, heads: 2, added: true, keyChannels: 6)) == [
                "q_proj_weight": [8, 8], "k_proj_weight": [8, 6], "v_proj_weight": [8, 8],
                "in_proj_bias": [24], "bias_k": [1, 1, 8], "bias_v": [1, 1, 8],
                "out_proj.weight": [8, 8], "out_proj.bias": [8],
            ])
        #expect(
            keys(try Self.layer(channels: 8, heads: 2, bias: false)) == [
                "in_proj_weight": [24, 8], "out_proj.weight": [8, 8],
            ])
    }

    @Test func shapesAndCosts() throws {
        let layer = try MultiheadAttention(embeddingChannels: 8, heads: 2)
        #expect(try layer.outputShape(for: [2, 5, 8]) == [2, 5, 8])
        let cost = try layer.cost(for: [2, 5, 8])
        // Four projections, scores and weighted sums.
        #expect(cost.multiplyAdds == 2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8))
        #expect(cost.parameters == 4 * 64 + 4 * 8)
        let trace = try layer.trace(for: [2, 5, 8])
        #expect(trace.events.map(\.layer) == ["MultiheadAttention"])
        let empty = try Tensor(shapeOnly: [2, 5, 8])
        let both = try layer.attend(query: empty, key: empty, value: empty)
        #expect(both.weights.isShapeOnly && both.weights.shape == [2, 5, 5])
        #expect(layer.channelFlow == .fixed(input: 8, output: 8))
    }

    @Test func refusals() throws {
        for (channels, heads) in [(0, 1), (6, 4), (6, 0), (6, -1), (1 << 25, 1)] {
            #expect(throws: ProteanError.self) {
                try MultiheadAttention(embeddingChannels: channels, heads: heads)
            }
        }
        #expect(throws: ProteanError.self) {
            try MultiheadAttention(embeddingChannels: 4, heads: 2, keyChannels: 0)
        }
        let layer = try MultiheadAttention(embeddingChannels: 4, heads: 2, valueChannels: 5)
        func refused(
            q: [Int] = [2, 3, 4], k: [Int] = [2, 6, 4], v: [Int] = [2, 6, 5], mask: [Int]? = nil,
            keyMask: [Int]? = nil
        ) -> String {
            do {
                _ = try layer(
                    query: Tensor(zeros: q), key: Tensor(zeros: k), value: Tensor(zeros: v),
                    mask: mask.map { AttentionMask.additive(try Tensor(zeros: $0)) },
                    keyMask: keyMask.map { AttentionMask.dropping(try Tensor(zeros: $0)) })
                return "accepted"
            } catch ProteanError.shapeMismatch(_, let tensor, _, _) {
                return tensor
            } catch {
                return "\(error)"
            }
        }
        #expect(refused() == "accepted")
        #expect(refused(q: [2, 3, 5]) == "query")
        #expect(refused(q: [3, 4]) == "query")
        #expect(refused(k: [1, 6, 4]) == "key")
        #expect(refused(v: [2, 5, 5]) == "value")
        #expect(refused(v: [2, 6, 4]) == "value")
        #expect(refused(mask: [3, 5]) == "mask")
        #expect(refused(keyMask: [2, 3]) == "keyMask")
        #expect(refused(keyMask: [6]) == "keyMask")
        // Values have channels of their own.
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2, 3, 4])) }
    }
}
