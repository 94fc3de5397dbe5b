import Foundation
import Testing

@testable import Protean

@Suite struct GlobalContextTests {
    private typealias Gate = ChannelGateTest
    private typealias Fusion = GlobalContext.Fusion

    private static let fusions: [Set<Fusion>] = [[.add], [.scale], [.add, .scale]]

    /// Softmax-weighted means, or means.
    private static func context(
        _ columns: [[Double]], _ layer: GlobalContext, hasAttention: Bool
    ) throws -> [Double] {
        guard hasAttention else { return columns.map(Gate.mean) }
        let mask = layer.variant == .mmcv ? "conv_mask" : "conv_attn"
        let weight = try Gate.doubles(layer, mask + ".weight")
        let bias = try Gate.doubles(layer, mask + ".bias")[0]
        let scores = columns[0].indices.map { p in
            columns.indices.reduce(bias) { $0 + weight[$1] * columns[$1][p] }
        }
        let largest = scores.max()!
        let shares = scores.map { exp($0 - largest) }
        let whole = shares.reduce(0, +)
        return columns.map { column in
            column.indices.reduce(0) { $0 + column[$1] * shares[$1] / whole }
        }
    }

    /// W₂ · relu(layerNorm(W₁ · c + b₁)) + b₂ of the parameters below `prefix`.
    private static func network(
        _ context: [Double], _ layer: GlobalContext, _ prefix: String
    ) throws -> [Double] {
        let isMMCV = layer.variant == .mmcv
        let names = isMMCV ? ["0", "1", "3"] : ["fc1", "norm", "fc2"]
        func part(_ i: Int, _ kind: String) throws -> [Double] {
            try Gate.doubles(layer, "\(prefix).\(names[i]).\(kind)")
        }
        let (w1, b1) = try (part(0, "weight"), part(0, "bias"))
        let (scale, shift) = try (part(1, "weight"), part(1, "bias"))
        let (w2, b2) = try (part(2, "weight"), part(2, "bias"))
        let c = context.count
        let z = b1.indices.map { j in
            (0..<c).reduce(b1[j]) { $0 + w1[j * c + $1] * context[$1] }
        }
        let mean = Gate.mean(z), variance = Gate.mean(z.map { ($0 - mean) * ($0 - mean) })
        let factor = 1 / (variance + (isMMCV ? 1e-5 : 1e-6)).squareRoot()
        let hidden = z.indices.map { max(0, (z[$0] - mean) * factor * scale[$0] + shift[$0]) }
        return (0..<c).map { k in
            hidden.indices.reduce(b2[k]) { $0 + w2[k * hidden.count + $1] * hidden[$1] }
        }
    }

    private static func expected(
        _ x: Tensor, _ layer: GlobalContext, hasAttention: Bool
    ) throws -> [Double] {
        let values = x.elements.map(Double.init)
        let (pixels, c) = (x.shape[1] * x.shape[2], x.shape[3])
        var result = values
        for n in 0..<x.shape[0] {
            let columns = (0..<c).map { Gate.column(x, values, n, $0) }
            let context = try context(columns, layer, hasAttention: hasAttention)
            let isMMCV = layer.variant == .mmcv
            if layer.fusions.contains(.scale) {
                let z = try network(context, layer, isMMCV ? "channel_mul_conv" : "mlp_scale")
                for i in 0..<pixels * c { result[n * pixels * c + i] *= Gate.sigmoid(z[i % c]) }
            }
            if layer.fusions.contains(.add) {
                let z = try network(context, layer, isMMCV ? "channel_add_conv" : "mlp_add")
                for i in 0..<pixels * c { result[n * pixels * c + i] += z[i % c] }
            }
        }
        return result
    }

    @Test(arguments: ChannelGateTest.shapes + [[2, 1, 1, 5]])
    func agreesWithItsFormula(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 61)
        for variant in GlobalContext.Variant.allCases {
            for fusions in Self.fusions {
                let hasAttention = fusions.count == 1
                let layer = try GlobalContext(
                    channels: shape[3], hiddenChannels: 4, variant: variant, fusions: fusions,
                    hasAttention: hasAttention)
                try Gate.randomise(layer)
                let expected = try Self.expected(x, layer, hasAttention: hasAttention)
                try MapTest.everywhere {
                    try layer(x)
                } check: { isa, y in
                    // A norm of four values enlarges the rounding of what it norms.
                    MapTest.expect(
                        y, shape: shape, expected, tolerance: 1e-5, "\(isa) \(variant) \(fusions)")
                }
            }
        }
    }

    /// The last weights and biases of the added term are 0 in a new layer.
    @Test func aNewLayerAddsNothing() throws {
        let x = try MapTest.tensor([2, 3, 4, 5])
        #expect(try GlobalContext(channels: 5, hiddenChannels: 2)(x).isBitEqual(to: x))
        let both = try GlobalContext(
            channels: 5, hiddenChannels: 2, fusions: [.add, .scale])
        let half = try Operations.multiply(x, Tensor(repeating: 0.5, shape: [1]))
        #expect(try both(x).isBitEqual(to: half))
    }

    @Test func epiloguesRecordsAndNaN() throws {
        let shape = [2, 5, 3, 7]
        let (x, side) = try (MapTest.tensor(shape), MapTest.tensor(shape, seed: 2))
        for fusions in Self.fusions {
            let layer = try GlobalContext(
                channels: 7, hiddenChannels: 3, variant: .timm, fusions: fusions)
            try Gate.randomise(layer)
            let plain = try layer(x)
            let both = Conv2dEpilogue(activation: .relu, residual: side)
            let active = try layer(x, epilogue: Conv2dEpilogue(activation: .relu))
            #expect(try active.isBitEqual(to: Operations.activate(plain, .relu)))
            #expect(
                try layer(x, epilogue: both).isBitEqual(
                    to: Operations.add(plain, side, activation: .relu)))
            let record = AttentionRecord()
            _ = try record.recording { try layer(x) }
            #expect(record.entries.count == (fusions.contains(.scale) ? 1 : 0))
            #expect(record.entries.allSatisfy { $0.gates.shape == [2, 1, 1, 7] })
            var values = x.elements
            values[3] = .nan
            let y = try layer(Tensor(values, shape: shape)).elements
            #expect(y[0..<105].allSatisfy { $0.isNaN })
            #expect(Array(y[105...]) == Array(plain.elements[105...]))
        }
    }

    @Test func keysAreTheReferences() throws {
        let mmcv = try GlobalContext(
            channels: 8, hiddenChannels: 2, fusions: [.add, .scale]
        ).allParameters()
        let shapes = Dictionary(
            uniqueKeysWithValues: mmcv.map { ($0.name, $0.parameter.shape) })
        #expect(shapes["conv_mask.weight"] == [1, 8, 1, 1])
        #expect(shapes["channel_add_conv.1.weight"] == [2, 1, 1])
        #expect(shapes["channel_mul_conv.3.weight"] == [8, 2, 1, 1])
        #expect(mmcv.count == 2 + 6 + 6)
        let timm = try GlobalContext(
            channels: 8, hiddenChannels: 2, variant: .timm, fusions: [.scale]
        ).allParameters().map(\.name)
        #expect(
            timm == [
                "conv_attn.weight", "conv_attn.bias", "mlp_scale.fc1.weight", "mlp_scale.fc1.bias",
                "mlp_scale.norm.weight", "mlp_scale.norm.bias", "mlp_scale.fc2.weight",
                "mlp_scale.fc2.bias",
            ])
    }

    @Test func shapesCostsAndRefusals() throws {
        let layer = try GlobalContext(
            channels: 6, hiddenChannels: 2, fusions: [.add, .scale])
        #expect(try layer.outputShape(for: [2, 3, 4, 6]) == [2, 3, 4, 6])
        let cost = try layer.cost(for: [2, 3, 4, 6])
        #expect(cost.parameters == layer.parameterCount)
        #expect(cost.multiplyAdds == 3 * 144 + 2 * 2 * 2 * 12)
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
        #expect(try layer(Tensor(zeros: [0, 2, 3, 6])).shape == [0, 2, 3, 6])
        for shape in [[1, 0, 3, 6], [2, 2, 3, 5], [2, 3, 6]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
        let name = "GlobalContext"
        Gate.refuses(name, "channels") { try GlobalContext(channels: 0, hiddenChannels: 2) }
        Gate.refuses(name, "hiddenChannels") { try GlobalContext(channels: 4, hiddenChannels: 0) }
        Gate.refuses(name, "fusions") {
            try GlobalContext(channels: 4, hiddenChannels: 2, fusions: [])
        }
        Gate.refuses(name, "gate") {
            try GlobalContext(channels: 4, hiddenChannels: 2, gate: .tanh)
        }
        Gate.refuses(name, "activation") {
            try GlobalContext(channels: 4, hiddenChannels: 2, activation: .silu)
        }
    }
}
