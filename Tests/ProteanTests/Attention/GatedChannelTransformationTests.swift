import Foundation
import Testing

@testable import Protean

@Suite struct GatedChannelTransformationTests {
    private typealias Gate = ChannelGateTest
    private typealias Mode = GatedChannelTransformation.Mode

    private static func gates(
        _ layer: GatedChannelTransformation, _ columns: [[Double]]
    ) throws -> [Double] {
        let alpha = try Gate.doubles(layer, "alpha"), gamma = try Gate.doubles(layer, "gamma")
        let beta = try Gate.doubles(layer, "beta")
        let e = columns.enumerated().map { c, column in
            switch layer.mode {
            case .l2:
                alpha[c] * (column.reduce(0) { $0 + $1 * $1 } + layer.eps).squareRoot()
            case .l1:
                alpha[c] * column.reduce(0) { $0 + (layer.isAfterReLU ? $1 : abs($1)) }
            }
        }
        let count = Double(e.count)
        let size =
            layer.mode == .l2
            ? (e.reduce(0) { $0 + $1 * $1 } / count + layer.eps).squareRoot()
            : e.reduce(0) { $0 + abs($1) } / count + layer.eps
        return e.indices.map { 1 + tanh(e[$0] * gamma[$0] / size + beta[$0]) }
    }

    @Test(arguments: ChannelGateTest.shapes + [[2, 1, 1, 5]])
    func agreesWithItsFormula(_ shape: [Int]) throws {
        for (mode, isAfterReLU) in [(Mode.l2, false), (.l1, false), (.l1, true)] {
            let layer = try GatedChannelTransformation(
                channels: shape[3], mode: mode, isAfterReLU: isAfterReLU)
            try Gate.randomise(layer)
            try Gate.compare(shape, tolerance: 5e-6, layer) { (try? Self.gates(layer, $0)) ?? [] }
        }
    }

    /// gamma and beta are 0 in a new layer; tanh(0) is 0.
    @Test func aNewLayerIsTheIdentity() throws {
        for mode in Mode.allCases {
            let x = try MapTest.tensor([2, 3, 4, 5])
            let layer = try GatedChannelTransformation(channels: 5, mode: mode)
            #expect(try layer(x).isBitEqual(to: x))
        }
    }

    @Test func constantMaps() throws {
        let layer = try GatedChannelTransformation(channels: 3)
        try layer.parameter(at: "gamma")!.set(Tensor(repeating: 1, shape: [1, 3, 1, 1]))
        for value: Float in [0, 2] {
            let x = try Tensor(repeating: value, shape: [1, 4, 6, 3])
            // All channels are equally strong.
            let e = (24 * Double(value * value) + 1e-5).squareRoot()
            let gate = 1 + tanh(e / (e * e + 1e-5).squareRoot())
            MapTest.expect(
                try layer(x), shape: x.shape,
                [Double](repeating: Double(value) * gate, count: x.count))
        }
    }

    @Test func isAGate() throws {
        for mode in Mode.allCases {
            let layer = try GatedChannelTransformation(channels: 7, mode: mode)
            try Gate.randomise(layer)
            try Gate.checkGate(layer, channels: 7)
        }
    }

    @Test func keysAndRefusals() throws {
        let layer = try GatedChannelTransformation(channels: 3)
        #expect(layer.allParameters().map(\.name) == ["alpha", "gamma", "beta"])
        #expect(layer.allParameters().allSatisfy { $0.parameter.shape == [1, 3, 1, 1] })
        #expect(layer.channelFlow == .fixed(input: 3, output: 3))
        let name = "GatedChannelTransformation"
        Gate.refuses(name, "channels") { try GatedChannelTransformation(channels: 0) }
        for eps in [-1, Double.nan, Double.infinity] {
            Gate.refuses(name, "eps") { try GatedChannelTransformation(channels: 3, eps: eps) }
        }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 4])) }
    }
}
