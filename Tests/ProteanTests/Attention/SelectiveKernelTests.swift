import Foundation
import Testing

@testable import Protean

@Suite struct SelectiveKernelTests {
    struct Case: Sendable {
        var map: [Int]
        var outputs: Int
        var paths = SelectiveKernel.Paths()
        var stride = 1
        var dilation = 1
        var groups = 1

        func layer() throws -> SelectiveKernel {
            let layer = try SelectiveKernel(
                inputChannels: map[3], outputChannels: outputs, branches: paths, stride: stride,
                dilation: dilation, groups: groups)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(map: [2, 7, 9, 12], outputs: 17, stride: 2),
        Case(map: [1, 5, 8, 6], outputs: 8, paths: .init(splitsInput: false), groups: 2),
        Case(
            map: [3, 6, 5, 9], outputs: 7,
            paths: .init(kernelSizes: [1, 3, 5], keeps3x3: false), dilation: 2),
        Case(map: [0, 4, 3, 4], outputs: 5), Case(map: [1, 1, 1, 2], outputs: 3),
    ]

    /// The parts by themselves; the sum in double precision.
    private static func reference(
        _ layer: SelectiveKernel, _ x: Tensor
    ) throws -> (shape: [Int], values: [Double]) {
        func part<Part>(_ path: String) throws -> Part {
            try #require(layer.module(at: path) as? Part)
        }
        let count = layer.branches.kernelSizes.count, channels = layer.outputChannels
        let width = x.shape[3] / count
        var maps: [Tensor] = []
        for index in 0..<count {
            let conv: Conv2d = try part("paths.\(index).conv")
            let norm: BatchNorm2d = try part("paths.\(index).bn")
            let own =
                layer.branches.splitsInput
                ? try x.slice(axis: 3, from: index * width, to: (index + 1) * width) : x
            maps.append(try Operations.activate(norm(conv(own)), .relu))
        }
        let sum = try maps.dropFirst().reduce(maps[0]) { try Operations.add($0, $1) }
        let pooled = try Operations.mean(sum, axes: [1, 2], keepDimensions: true)
        let reduce: Conv2d = try part("attn.fc_reduce"), norm: BatchNorm2d = try part("attn.bn")
        let select: Conv2d = try part("attn.fc_select")
        let logits = try select(Operations.activate(norm(reduce(pooled)), .relu)).elements
        let shape = sum.shape, pixels = shape[1] * shape[2]
        let values = sum.elements.indices.map { i in
            let first = i / (pixels * channels) * count * channels + i % channels
            let weights = (0..<count).map { exp(Double(logits[first + $0 * channels])) }
            let total = weights.reduce(0, +)
            return (0..<count).reduce(0.0) {
                $0 + Double(maps[$1].elements[i]) * weights[$1] / total
            }
        }
        return (shape, values)
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

    @Test func oneBranchIsTheConvolution() throws {
        let layer = try SelectiveKernel(
            inputChannels: 5, outputChannels: 9, branches: .init(kernelSizes: [5]))
        try layer.randomise()
        let conv = try #require(layer.module(at: "paths.0.conv") as? Conv2d)
        let norm = try #require(layer.module(at: "paths.0.bn") as? BatchNorm2d)
        let x = try Tensor.random([2, 6, 7, 5])
        let plain = try FusedConv2d(conv, norm, .relu)
        let (y, expected) = (try layer(x), try plain(x))
        #expect(y.isBitEqual(to: expected))
    }

    @Test func aRecordHoldsTheWeightsOfTheBranches() throws {
        let layer = try Self.cases[0].layer(), record = AttentionRecord()
        _ = try record.recording { try layer(Tensor.random([2, 7, 9, 12])) }
        #expect(record.entries.map(\.path).allSatisfy { $0.contains(".paths.") })
        let gates = record.entries.map(\.gates)
        #expect(gates.map(\.shape) == [[2, 1, 1, 17], [2, 1, 1, 17]])
        for (a, b) in zip(gates[0].elements, gates[1].elements) { #expect(abs(a + b - 1) < 1e-6) }
    }

    @Test func wrongOptionsAreRefused() throws {
        func expectError(
            _ option: String, _ make: () throws(ProteanError) -> SelectiveKernel
        ) {
            #expect { _ = try make() } throws: { error in
                if case .invalidOption(_, option, _, _) = error as? ProteanError {
                    true
                } else {
                    false
                }
            }
        }
        expectError("inputChannels") { () throws(ProteanError) in
            try SelectiveKernel(inputChannels: 5, outputChannels: 4)
        }
        for sizes in [[], [2, 3], [3, 1], [3, 257], [Int](repeating: 3, count: 9)] {
            expectError("kernelSizes") { () throws(ProteanError) in
                try SelectiveKernel(
                    inputChannels: 4, outputChannels: 4, branches: .init(kernelSizes: sizes))
            }
        }
        expectError("stride") { () throws(ProteanError) in
            try SelectiveKernel(inputChannels: 4, outputChannels: 4, stride: .max)
        }
        expectError("dilation") { () throws(ProteanError) in
            try SelectiveKernel(inputChannels: 4, outputChannels: 4, dilation: .max)
        }
        expectError("squeezeChannels") { () throws(ProteanError) in
            try SelectiveKernel(inputChannels: 4, outputChannels: 4, squeezeChannels: 0)
        }
        #expect(throws: ProteanError.self) {
            try Self.cases[0].layer()(Tensor(zeros: [1, 4, 4, 11]))
        }
    }

    @Test func shapesAndCostNeedNoData() throws {
        let layer = try Self.cases[0].layer()
        let trace = Trace()
        let y = try trace.recording { try layer(Tensor(shapeOnly: [2, 7, 9, 12])) }
        #expect(y.shape == [2, 4, 5, 17] && y.isShapeOnly)
        #expect(trace.events.contains { $0.layer == "SelectiveKernel" })
    }
}
