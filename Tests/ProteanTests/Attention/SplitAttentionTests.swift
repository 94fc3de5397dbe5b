import Foundation
import Testing

@testable import Protean

@Suite struct SplitAttentionTests {
    struct Case: Sendable {
        var map: [Int]
        var outputs: Int
        var kernel = 3
        var stride = 1
        var groups = 1
        var radix = 2
        var norm = true

        func layer() throws -> SplitAttention {
            let layer = try SplitAttention(
                inputChannels: map[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, groups: groups, bias: !norm, radix: radix, squeezeChannels: 6,
                norm: norm)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(map: [2, 7, 5, 6], outputs: 9, stride: 2),
        Case(map: [3, 4, 9, 12], outputs: 8, kernel: 5, groups: 2, radix: 3),
        Case(map: [1, 6, 5, 7], outputs: 5, radix: 1),
        Case(map: [1, 5, 6, 8], outputs: 17, norm: false), Case(map: [0, 3, 4, 4], outputs: 3),
        Case(map: [1, 1, 1, 4], outputs: 1),
    ]

    /// The parts by themselves; weights and sum in double precision.
    private static func reference(
        _ layer: SplitAttention, _ x: Tensor
    ) throws -> (shape: [Int], values: [Double]) {
        func norm(_ path: String, _ x: Tensor) throws -> Tensor {
            guard let norm = layer.module(at: path) as? BatchNorm2d else { return x }
            return try norm(x)
        }
        let conv = try #require(layer.module(at: "conv") as? Conv2d)
        let fc1 = try #require(layer.module(at: "fc1") as? Conv2d)
        let fc2 = try #require(layer.module(at: "fc2") as? Conv2d)
        let sets = try Operations.activate(norm("bn0", conv(x)), .relu)
        let (radix, c, groups) = (layer.radix, layer.outputChannels, layer.groups)
        let (n, pixels) = (sets.shape[0], sets.shape[1] * sets.shape[2])
        let u = sets.elements
        let means = (0..<n * c).map { at in
            let total = (0..<pixels * radix).reduce(0.0) {
                let pixel = at / c * pixels + $1 / radix
                return $0 + Double(u[(pixel * radix + $1 % radix) * c + at % c])
            }
            return Float(total / Double(pixels))
        }
        let pooled = try Tensor(means, shape: [n, 1, 1, c])
        let logits = try fc2(Operations.activate(norm("bn1", fc1(pooled)), .relu)).elements
        let width = c / groups
        let values = (0..<n * pixels * c).map { i -> Double in
            let (pixel, channel) = (i / c, i % c)
            let first =
                pixel / pixels * radix * c + channel / width * radix * width + channel % width
            let exps = (0..<radix).map { exp(Double(logits[first + $0 * width])) }
            let total = radix == 1 ? 1 + exps[0] : exps.reduce(0, +)
            return (0..<radix).reduce(0.0) {
                $0 + Double(u[(pixel * radix + $1) * c + channel]) * exps[$1] / total
            }
        }
        return (Array(sets.shape.dropLast()) + [c], values)
    }

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.map)
        let reference = try Self.reference(layer, x)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.shape, reference.values, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func aRecordHoldsTheWeightsOfTheSets() throws {
        let layer = try Self.cases[0].layer(), record = AttentionRecord()
        _ = try record.recording { try layer(Tensor.random([2, 7, 5, 6])) }
        let gates = try #require(record.entries.first).gates
        #expect(gates.shape == [2, 1, 1, 18])
        let values = gates.elements
        for i in 0..<2 {
            for c in 0..<9 { #expect(abs(values[i * 18 + c] + values[i * 18 + 9 + c] - 1) < 1e-6) }
        }
    }

    @Test func widthsAreRoundedAsTimmDoes() throws {
        for (channels, width) in [(16, 32), (64, 32), (128, 64), (152, 80), (512, 256)] {
            let layer = try SplitAttention(inputChannels: channels, outputChannels: 8)
            #expect(layer.module(at: "bn1").map { ($0 as? BatchNorm2d)?.channels } == width)
        }
    }

    @Test func wrongOptionsAreRefused() throws {
        for (radix, groups, outputs) in [(0, 1, 4), (9, 1, 4), (2, 0, 4), (2, 5, 4), (2, 3, 4)] {
            #expect(throws: ProteanError.self) {
                try SplitAttention(
                    inputChannels: 12, outputChannels: outputs, groups: groups, radix: radix)
            }
        }
        #expect(throws: ProteanError.self) {
            try SplitAttention(inputChannels: .max, outputChannels: 4)
        }
        #expect(throws: ProteanError.self) {
            try Self.cases[0].layer()(Tensor(zeros: [1, 4, 4, 5]))
        }
    }

    @Test func shapesNeedNoData() throws {
        let y = try Self.cases[1].layer()(Tensor(shapeOnly: [3, 4, 9, 12]))
        #expect(y.shape == [3, 4, 9, 8] && y.isShapeOnly)
    }
}
