import Foundation
import Testing

@testable import Protean

/// What the tests of channel attention share: maps as columns of doubles, and checks that hold for
/// every gate per channel.
enum ChannelGateTest {
    /// Lopsided shapes around the vector lengths; the last is cut into several blocks and split among
    /// threads.
    static let shapes = [
        [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 130], [0, 2, 2, 4], [1, 3, 2, 7],
        [2, 43, 50, 33],
    ]

    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// The pixels of one channel of one sample.
    static func column(_ x: Tensor, _ values: [Double], _ n: Int, _ c: Int) -> [Double] {
        let (pixels, channels) = (x.shape[1] * x.shape[2], x.shape[3])
        return (0..<pixels).map { values[(n * pixels + $0) * channels + c] }
    }

    static func mean(_ column: [Double]) -> Double { column.reduce(0, +) / Double(column.count) }

    /// x times the gates that `gates` computes from the columns of one sample.
    static func expected(_ x: Tensor, _ gates: ([[Double]]) -> [Double]) -> [Double] {
        let values = x.elements.map(Double.init)
        let (pixels, c) = (x.shape[1] * x.shape[2], x.shape[3])
        var result = values
        for n in 0..<x.shape[0] {
            let factors = gates((0..<c).map { column(x, values, n, $0) })
            for i in 0..<pixels * c { result[n * pixels * c + i] *= factors[i % c] }
        }
        return result
    }

    static func doubles(_ module: any Module, _ name: String) throws -> [Double] {
        try #require(module.parameter(at: name)).value.elements.map(Double.init)
    }

    /// Gives every parameter values that would show one that is swapped or unused.
    static func randomise(_ module: any Module) throws {
        for (i, named) in module.allParameters().enumerated() {
            let shape = named.parameter.shape
            var values = MapTest.values(shape.reduce(1, *), seed: UInt64(i) + 77, range: 0.6)
            if named.name.hasSuffix("running_var") { values = values.map { abs($0) + 0.5 } }
            try named.parameter.set(Tensor(values, shape: shape))
        }
    }

    /// Compares a layer with its formula on every shape, instruction set and number of threads.
    static func compare(
        _ shape: [Int], tolerance: Double = 2e-6, _ layer: any Layer,
        _ gates: ([[Double]]) -> [Double]
    ) throws {
        let x = try MapTest.tensor(shape, seed: 61)
        let expected = expected(x, gates)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: tolerance, "\(isa)")
        }
    }

    /// Epilogues equal separate steps, gates multiply, NaN stays in its sample, shapes pass.
    static func checkGate(_ layer: some SelfGating, channels c: Int) throws {
        let shape = [2, 5, 3, c]
        let (x, side) = try (MapTest.tensor(shape), MapTest.tensor(shape, seed: 2))
        let plain = try layer(x)
        let active = try layer(x, epilogue: Conv2dEpilogue(activation: .relu))
        #expect(try active.isBitEqual(to: Operations.activate(plain, .relu)))
        let both = Conv2dEpilogue(activation: .relu, residual: side)
        #expect(
            try layer(x, epilogue: both).isBitEqual(
                to: Operations.add(plain, side, activation: .relu)))
        // In one pass: rounded once.
        let fused = try layer(x, residual: side, activation: .relu)
        let separate = try Operations.add(plain, side, activation: .relu)
        #expect(try fused.maximumDifference(from: separate) < 2e-6)

        let record = AttentionRecord()
        _ = try record.recording { try layer(x) }
        let entry = try #require(record.entries.first)
        #expect(record.entries.count == 1 && entry.inputShape == shape)
        #expect(try Operations.multiply(x, entry.gates).isBitEqual(to: plain))

        var values = x.elements
        values[c] = .nan  // sample 0
        let y = try layer(Tensor(values, shape: shape)).elements
        #expect(y[0..<15 * c].contains { $0.isNaN })
        #expect(Array(y[(15 * c)...]) == Array(plain.elements[(15 * c)...]))

        #expect(try layer.outputShape(for: shape) == shape)
        let cost = try layer.cost(for: shape)
        #expect(cost.parameters == layer.parameterCount && cost.multiplyAdds >= x.count)
        #expect(try layer(Tensor(zeros: [0, 2, 3, c])).shape == [0, 2, 3, c])
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 0, 3, c])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2, 3, c])) }
    }

    /// Expects an error about `option` of `layer`.
    static func refuses(
        _ layer: String, _ option: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ make: () throws -> some Any
    ) {
        #expect(sourceLocation: sourceLocation) {
            _ = try make()
        } throws: { error in
            guard case ProteanError.invalidOption(layer, option, _, _) = error else { return false }
            return true
        }
    }
}
