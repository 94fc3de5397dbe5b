import Foundation
import Testing

@testable import Protean

@Suite struct CBAMTests {
    /// Parameters of a layer in double precision, by name.
    private struct Weights {
        let values: [String: [Double]]

        init(_ layer: CBAM) {
            values = Dictionary(
                uniqueKeysWithValues: layer.allParameters().map {
                    ($0.name, $0.parameter.value.elements.map(Double.init))
                })
        }

        /// The parameter whose name begins and ends so; nil if there is none.
        func find(_ prefix: String, _ suffix: String) -> [Double]? {
            values.first { $0.key.hasPrefix(prefix) && $0.key.hasSuffix(suffix) }?.value
        }
    }

    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    private static func dense(_ w: [Double], _ b: [Double]?, _ v: [Double]) -> [Double] {
        let count = w.count / v.count
        return (0..<count).map { (o: Int) -> Double in
            var sum: Double = b.map { $0[o] } ?? 0
            for i in v.indices { sum += w[o * v.count + i] * v[i] }
            return sum
        }
    }

    /// One sample; options as the paper's but for the pools.
    private static func reference(
        _ layer: CBAM, _ x: [Double], _ h: Int, _ w: Int, _ c: Int
    ) -> [Double] {
        let weights = Weights(layer)
        let isOriginal = layer.variant == .original
        let names =
            isOriginal
            ? ["ChannelGate.mlp.1.", "ChannelGate.mlp.3.", "SpatialGate.spatial."]
            : ["channel.fc1.", "channel.fc2.", "spatial.conv."]
        let columns = (0..<c).map { k in (0..<h * w).map { x[$0 * c + k] } }
        let mean = columns.map { $0.reduce(0, +) / Double(h * w) }, most = columns.map { $0.max()! }
        func mlp(_ v: [Double]) -> [Double] {
            let hidden = dense(
                weights.find(names[0], "weight")!, weights.find(names[0], "bias"), v)
            return dense(
                weights.find(names[1], "weight")!, weights.find(names[1], "bias"),
                hidden.map { max($0, 0) })
        }
        var pooled: [[Double]] = []
        if layer.variant == .timmLight {
            pooled = [zip(mean, most).map { ($0 + $1) / 2 }]
        } else {
            if layer.options.usesMean { pooled.append(mean) }
            if layer.options.usesMaximum { pooled.append(most) }
        }
        let sums = pooled.map(mlp)
        let gates = (0..<c).map { k in sigmoid(sums.reduce(0) { $0 + $1[k] }) }
        let gated = x.indices.map { x[$0] * gates[$0 % c] }
        guard layer.options.isSpatial else { return gated }
        let pixels = (0..<h * w).map { Array(gated[$0 * c..<($0 + 1) * c]) }
        let means = pixels.map { $0.reduce(0, +) / Double(c) }, maxima = pixels.map { $0.max()! }
        let planes =
            switch layer.variant {
            case .original: [maxima, means]
            case .timm: [means, maxima]
            case .timmLight: [zip(means, maxima).map { ($0 + $1) / 2 }]
            }
        let k = layer.options.kernelSize, kernel = weights.find(names[2], "conv.weight")!
        func norm(_ name: String) -> Double { weights.find(names[2], "bn." + name)![0] }
        return gated.indices.map { at in
            let (row, column) = (at / c / w, at / c % w)
            var sum = 0.0
            for (p, plane) in planes.enumerated() {
                for i in 0..<k {
                    for j in 0..<k {
                        let (v, u) = (row + i - k / 2, column + j - k / 2)
                        guard (0..<h).contains(v), (0..<w).contains(u) else { continue }
                        sum += kernel[(p * k + i) * k + j] * plane[v * w + u]
                    }
                }
            }
            let scaled = (sum - norm("running_mean")) / (norm("running_var") + 1e-5).squareRoot()
            return gated[at] * sigmoid(scaled * norm("weight") + norm("bias"))
        }
    }

    private static func reference(_ layer: CBAM, _ x: Tensor) -> [Double] {
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3])
        let values = x.elements.map(Double.init), size = h * w * c
        return (0..<x.shape[0]).flatMap {
            reference(layer, Array(values[$0 * size..<($0 + 1) * size]), h, w, c)
        }
    }

    /// A layer whose norm is not the identity.
    private static func layer(
        _ channels: Int, _ variant: CBAM.Variant, _ options: CBAM.Options = CBAM.Options()
    ) throws -> CBAM {
        let layer = try CBAM(
            channels: channels, squeezeChannels: 3, variant: variant, options: options, seed: 3)
        for (index, named) in layer.allParameters().enumerated()
        where named.name.contains("bn.") || named.name.contains("bn") {
            let value: Float = named.name.hasSuffix("running_var") ? 1.7 : 0.3 * Float(index) - 0.9
            try named.parameter.set(Tensor(repeating: value, shape: [1]))
        }
        return layer
    }

    @Test(
        arguments: CBAM.Variant.allCases,
        [
            [2, 5, 9, 17], [3, 4, 3, 33], [1, 1, 1, 7], [0, 2, 3, 4], [1, 1, 40, 1],
            [1, 33, 47, 70],
        ])
    func agreesWithItsFormula(variant: CBAM.Variant, shape: [Int]) throws {
        let layer = try Self.layer(shape[3], variant)
        let x = try MapTest.tensor(shape, seed: 81)
        let expected = Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test(arguments: [
        CBAM.Options(usesMaximum: false), CBAM.Options(usesMean: false),
        CBAM.Options(isSpatial: false), CBAM.Options(bias: false, kernelSize: 3),
        CBAM.Options(kernelSize: 1), CBAM.Options(kernelSize: 11),
    ])
    func options(_ options: CBAM.Options) throws {
        let shape = [2, 6, 4, 9]
        let layer = try Self.layer(9, .original, options), x = try MapTest.tensor(shape, seed: 5)
        MapTest.expect(try layer(x), shape: shape, Self.reference(layer, x), tolerance: 5e-6)
    }

    /// Gates of 1, and bits of separate layers for residual and activation.
    @Test func neutralCaseAndEpilogues() throws {
        let layer = try CBAM(channels: 5, squeezeChannels: 2)
        try layer.parameter(at: "ChannelGate.mlp.3.weight")!.set(Tensor(zeros: [5, 2]))
        try layer.parameter(at: "ChannelGate.mlp.3.bias")!.set(Tensor(repeating: 99, shape: [5]))
        try layer.parameter(at: "SpatialGate.spatial.bn.weight")!.set(Tensor(zeros: [1]))
        try layer.parameter(at: "SpatialGate.spatial.bn.bias")!.set(
            Tensor(repeating: 99, shape: [1]))
        let x = try MapTest.tensor([2, 3, 4, 5]), side = try MapTest.tensor([2, 3, 4, 5], seed: 2)
        #expect(try layer(x).isBitEqual(to: x))
        let other = try Self.layer(5, .timm), plain = try other(x)
        let separate = try Operations.add(plain, side, activation: .relu)
        let fused = try other(x, epilogue: Conv2dEpilogue(activation: .relu, residual: side))
        #expect(fused.isBitEqual(to: separate))
        let late = Conv2dEpilogue(
            activation: .relu, residual: side, residualAfterActivation: true)
        let expected = try Operations.add(try Operations.activate(plain, .relu), side)
        #expect(try other(x, epilogue: late).isBitEqual(to: expected))
    }

    /// `gates(of:)` is what `Gated` multiplies by, and the record has an entry per gate.
    @Test func gatesAndRecord() throws {
        let layer = try Self.layer(6, .timm), x = try MapTest.tensor([2, 3, 4, 6])
        let product = try Operations.multiply(x, try layer.gates(of: x))
        #expect(try product.maximumDifference(from: try layer(x)) < 1e-6)
        #expect(try Gated(layer)(x).isBitEqual(to: try layer(x)))
        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        #expect(record.entries.map(\.gates.shape) == [[2, 1, 1, 6], [2, 3, 4, 1]])
    }

    @Test func keysAreTheReferences() throws {
        func keys(_ variant: CBAM.Variant) throws -> [String: [Int]] {
            let layer = try CBAM(channels: 40, variant: variant)
            return Dictionary(
                uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.shape) })
        }
        let original = try keys(.original), timm = try keys(.timm)
        #expect(original["ChannelGate.mlp.1.weight"] == [2, 40])
        #expect(original["ChannelGate.mlp.3.bias"] == [40])
        #expect(original["SpatialGate.spatial.conv.weight"] == [1, 2, 7, 7])
        #expect(original["SpatialGate.spatial.bn.running_var"] == [1] && original.count == 9)
        #expect(timm["channel.fc1.weight"] == [3, 40, 1, 1] && timm.count == 7)
        #expect(timm["spatial.conv.conv.weight"] == [1, 2, 7, 7])
        #expect(try keys(.timmLight)["spatial.conv.conv.weight"] == [1, 1, 7, 7])
    }

    @Test func shapesAndCosts() throws {
        let layer = try CBAM(channels: 32)
        #expect(try layer.outputShape(for: [2, 5, 6, 32]) == [2, 5, 6, 32])
        #expect(layer.channelFlow == .fixed(input: 32, output: 32) && layer.squeezeChannels == 2)
        let cost = try layer.cost(for: [1, 5, 6, 32])
        // Both poolings' vectors through the two layers, the convolution, two gates.
        #expect(cost.multiplyAdds == 2 * 2 * 64 + 30 * 98 + 2 * 960)
        #expect(cost.parameters == 64 + 2 + 64 + 32 + 98 + 2 && cost.buffers == 2)
    }

    /// NaN in a pixel reaches its sample only.
    @Test func nanStaysInItsSample() throws {
        var values = MapTest.values(2 * 6 * 3, seed: 63)
        values[4] = .nan
        let y = try Self.layer(3, .original)(Tensor(values, shape: [2, 2, 3, 3])).elements
        for (i, value) in y.enumerated() { #expect(value.isNaN == (i < 18), "\(i)") }
    }

    @Test func refusals() throws {
        func refused(_ option: String, _ body: () throws -> CBAM) {
            #expect("\(option)") {
                try body()
            } throws: { error in
                guard case ProteanError.invalidOption("CBAM", option, _, _) = error else {
                    return false
                }
                return true
            }
        }
        refused("channels") { try CBAM(channels: 0, squeezeChannels: 1) }
        refused("squeezeChannels") { try CBAM(channels: 8) }
        refused("kernelSize") { try CBAM(channels: 16, options: CBAM.Options(kernelSize: 4)) }
        refused("usesMean, usesMaximum") {
            try CBAM(channels: 16, options: CBAM.Options(usesMean: false, usesMaximum: false))
        }
        refused("gate") {
            try CBAM(channels: 16, variant: .timmLight, options: CBAM.Options(gate: .tanh))
        }
        let layer = try CBAM(channels: 16)
        for shape in [[1, 2, 2, 3], [2, 2, 16], [1, 0, 3, 16]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
