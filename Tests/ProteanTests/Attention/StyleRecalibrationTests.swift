import Foundation
import Testing

@testable import Protean

@Suite struct StyleRecalibrationTests {
    private typealias Gate = ChannelGateTest

    /// The gates in double precision, from the layer's parameters.
    private static func gates(_ layer: StyleRecalibration, _ columns: [[Double]]) throws -> [Double]
    {
        let isOfficial = layer.variant == .official
        let weight = try Gate.doubles(layer, isOfficial ? "cfc" : "cfc.weight")
        let (scale, shift) = try (
            Gate.doubles(layer, "bn.weight"), Gate.doubles(layer, "bn.bias")
        )
        let (means, variances) = try (
            Gate.doubles(layer, "bn.running_mean"), Gate.doubles(layer, "bn.running_var")
        )
        return columns.enumerated().map { c, column in
            let mean = Gate.mean(column)
            let squares = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let variance = column.count > 1 ? squares / Double(column.count - 1) : 0
            let deviation = (variance + (isOfficial ? 1e-5 : 0)).squareRoot()
            let z = weight[2 * c] * mean + weight[2 * c + 1] * deviation
            let normed = (z - means[c]) / (variances[c] + 1e-5).squareRoot() * scale[c] + shift[c]
            return Gate.sigmoid(normed)
        }
    }

    @Test(arguments: ChannelGateTest.shapes + [[2, 1, 1, 5]])
    func agreesWithItsFormula(_ shape: [Int]) throws {
        for variant in StyleRecalibration.Variant.allCases {
            let layer = try StyleRecalibration(channels: shape[3], variant: variant)
            try Gate.randomise(layer)
            try Gate.compare(shape, layer) { (try? Self.gates(layer, $0)) ?? [] }
        }
    }

    /// A mean of 1e4 and a deviation of 1e-2, whose square would vanish beside that of the mean.
    @Test func aLargeMeanCostsNoDigits() throws {
        let shape = [1, 33, 35, 3]
        let steps = MapTest.values(shape.reduce(1, *), seed: 5)
        let x = try Tensor(steps.map { 10_000 + $0.rounded() / 128 }, shape: shape)
        let layer = try StyleRecalibration(channels: 3, variant: .grouped)
        // The deviation alone decides.
        try layer.parameter(at: "cfc.weight")!.set(
            Tensor([0, 100, 0, 50, 0, -80], shape: [3, 1, 2]))
        let expected = ChannelGateTest.expected(x) { (try? Self.gates(layer, $0)) ?? [] }
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
        }
    }

    @Test func aNewLayerHalves() throws {
        let x = try MapTest.tensor([2, 3, 4, 5])
        let half = try Operations.multiply(x, Tensor(repeating: 0.5, shape: [1]))
        #expect(try StyleRecalibration(channels: 5)(x).isBitEqual(to: half))
    }

    /// Folded weights follow the parameters.
    @Test func changedParametersCount() throws {
        let layer = try StyleRecalibration(channels: 2)
        let x = try MapTest.tensor([1, 3, 4, 2])
        let before = try layer(x)
        try layer.parameter(at: "cfc")!.set(Tensor([1, 2, 3, 4], shape: [2, 2]))
        let between = try layer(x)
        try layer.parameter(at: "bn.running_mean")!.set(Tensor([5, 6], shape: [2]))
        let after = try layer(x)
        #expect(before.elements != between.elements && between.elements != after.elements)
    }

    @Test func isAGate() throws {
        for variant in StyleRecalibration.Variant.allCases {
            let layer = try StyleRecalibration(channels: 7, variant: variant)
            try Gate.randomise(layer)
            try Gate.checkGate(layer, channels: 7)
        }
    }

    @Test func keysAreTheReferences() throws {
        let official = try StyleRecalibration(channels: 3).allParameters()
        #expect(official[0].name == "cfc" && official[0].parameter.shape == [3, 2])
        let grouped = try StyleRecalibration(channels: 3, variant: .grouped).allParameters()
        #expect(grouped[0].name == "cfc.weight" && grouped[0].parameter.shape == [3, 1, 2])
        #expect(
            grouped.dropFirst().map(\.name) == [
                "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
            ])
    }

    @Test func refusals() throws {
        Gate.refuses("StyleRecalibration", "channels") { try StyleRecalibration(channels: 0) }
        let layer = try StyleRecalibration(channels: 4)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 3])) }
        #expect(layer.channelFlow == .fixed(input: 4, output: 4))
    }
}
