import Foundation
import Testing

@testable import Protean

@Suite struct MetaACONTests {
    static func layer(_ channels: Int, reduction: Int = 16) throws -> MetaACON {
        let layer = try MetaACON(channels: channels, reduction: reduction, seed: 7)
        for (index, named) in layer.allParameters().enumerated() {
            let shape = named.parameter.shape, seed = UInt64(index + 1)
            let isVariance = named.name.hasSuffix("running_var")
            let values = MapTest.values(named.parameter.count, seed: seed, range: 1)
            try named.parameter.set(
                Tensor(isVariance ? values.map { 0.5 + abs($0) } : values, shape: shape))
        }
        return layer
    }

    /// The switches in double precision.
    static func switches(_ layer: MetaACON, _ x: Tensor) -> [Double] {
        let all = Dictionary(
            uniqueKeysWithValues: layer.allParameters().map {
                ($0.name, $0.parameter.value.elements.map(Double.init))
            })
        func value(_ name: String) -> [Double] { all[name] ?? [] }
        func linear(_ fc: String, _ bn: String, _ row: [Double]) -> [Double] {
            let bias = value("\(fc).bias"), weight = value("\(fc).weight")
            return bias.indices.map { o in
                let sum = row.indices.reduce(bias[o]) { $0 + weight[o * row.count + $1] * row[$1] }
                let deviation = (value("\(bn).running_var")[o] + 1e-5).squareRoot()
                return (sum - value("\(bn).running_mean")[o]) / deviation * value("\(bn).weight")[o]
                    + value("\(bn).bias")[o]
            }
        }
        let c = x.shape[3], pixels = x.shape[1] * x.shape[2], values = x.elements
        return (0..<x.shape[0]).flatMap { n in
            let means = (0..<c).map { k in
                (0..<pixels).reduce(0.0) { $0 + Double(values[(n * pixels + $1) * c + k]) }
                    / Double(pixels)
            }
            return linear("fc2", "bn2", linear("fc1", "bn1", means)).map { 1 / (1 + exp(-$0)) }
        }
    }

    @Test(arguments: [
        ([3, 5, 7, 17], 16), ([1, 9, 4, 1], 2), ([2, 3, 5, 33], 4), ([1, 1, 1, 7], 3),
        ([0, 2, 3, 7], 16),
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int], _ reduction: Int) throws {
        let layer = try Self.layer(shape[3], reduction: reduction)
        let x = try MapTest.tensor(shape, seed: 4)
        let beta = try Tensor(
            Self.switches(layer, x).map { Float($0) }, shape: [shape[0], shape[3]])
        let expected = ACONTests.reference(
            x, p1: layer.p1.value, p2: layer.p2.value, beta: beta)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
        #expect(try layer.outputShape(for: shape) == shape)
    }

    @Test func widthIsNotBelowTheReduction() throws {
        for (channels, reduction, width) in [(7, 16, 16), (320, 16, 20), (64, 8, 8)] {
            let layer = try MetaACON(channels: channels, reduction: reduction)
            let first = layer.allParameters().first { $0.name == "fc1.weight" }
            #expect(first?.parameter.shape == [width, channels, 1, 1])
        }
    }

    @Test func costAndRefusals() throws {
        let layer = try MetaACON(channels: 5, reduction: 2)
        let cost = try layer.cost(for: [2, 3, 4, 5])
        #expect((cost.parameters, cost.buffers) == (layer.parameterCount, layer.bufferCount))
        #expect(cost.multiplyAdds == 3 * 120 + 2 * 2 * 5 * 2)
        expectRefusal(of: "channels") { _ = try MetaACON(channels: 0) }
        expectRefusal(of: "reduction") { _ = try MetaACON(channels: 3, reduction: 0) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 3, 4, 4])) }
        #expect(try layer.switches(of: Tensor(zeros: [3, 2, 2, 5])).shape == [3, 5])
    }
}
