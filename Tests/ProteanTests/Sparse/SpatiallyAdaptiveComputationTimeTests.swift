import Foundation
import Testing

@testable import Protean

@Suite struct SpatiallyAdaptiveComputationTimeTests {
    /// The stage from its formulas: every unit dense, states frozen afterwards.
    struct Expected {
        var output: [Double]
        var ponder: [Double], units: [Double]

        init(_ stage: SpatiallyAdaptiveComputationTime, _ x: Tensor, bottleneck: Bool) throws {
            var state = x
            var sum: [Double] = [], running: [Bool] = []
            var total: [Double] = [], rest: [Double] = []
            output = []
            ponder = []
            units = []
            for (index, part) in stage.submodules.enumerated() {
                let whole = try Self.unit(part.module, state, bottleneck: bottleneck)
                if index == 0 {
                    state = whole
                    let pixels = whole.count / whole.shape[3]
                    sum = .init(repeating: 0, count: whole.count)
                    running = .init(repeating: true, count: pixels)
                    total = .init(repeating: 0, count: pixels)
                    rest = .init(repeating: 1, count: pixels)
                    ponder = .init(repeating: 1, count: pixels)
                    units = .init(repeating: 0, count: pixels)
                } else {
                    state = try SparseTest.select(whole, running, else: state)
                }
                let halts = try Self.probabilities(part.module, state)
                let values = state.elements, channels = state.shape[3]
                for pixel in running.indices where running[pixel] {
                    let q = halts?[pixel] ?? 1
                    total[pixel] += q
                    let last = total[pixel] >= 1 - Double(stage.epsilon)
                    let weight = last ? rest[pixel] : q
                    ponder[pixel] += last ? rest[pixel] : 1
                    units[pixel] += 1
                    if !last { rest[pixel] -= q }
                    running[pixel] = !last
                    for c in 0..<channels {
                        sum[pixel * channels + c] += weight * Double(values[pixel * channels + c])
                    }
                }
            }
            output = sum
        }

        static func unit(_ unit: any Module, _ x: Tensor, bottleneck: Bool) throws -> Tensor {
            let identity = try (unit.module(at: "downsample") as? Sequential)?(x) ?? x
            if bottleneck {
                let inner = try unit.fusedDirect("conv1", "bn1", .relu)(x)
                let spatial = try unit.fusedDirect("conv2", "bn2", .relu)(inner)
                return try unit.fusedDirect("conv3", "bn3", .relu)(
                    spatial, residual: identity)
            }
            let inner = try unit.fusedDirect("conv1", "bn1", .relu)(x)
            return try unit.fusedDirect("conv2", "bn2", .relu)(inner, residual: identity)
        }

        static func probabilities(_ unit: any Module, _ x: Tensor) throws -> [Double]? {
            func part<Part>(_ name: String) -> Part? {
                unit.module(at: "halting_proba." + name) as? Part
            }
            guard let conv: Conv2d = part("local_conv"), let norm: BatchNorm2d = part("local_bn"),
                let globalConv: Conv2d = part("global_conv"),
                let globalNorm: BatchNorm2d = part("global_bn")
            else { return nil }
            let local = try conv(norm(x)).elements
            let mean = try Operations.globalAveragePool(x).reshaped(
                to: [x.shape[0], 1, 1, x.shape[3]])
            let global = try globalConv(globalNorm(mean)).elements
            let pixels = x.shape[1] * x.shape[2]
            return local.indices.map {
                1 / (1 + exp(-Double(local[$0]) - Double(global[$0 / pixels])))
            }
        }
    }

    static func stage(
        _ unit: SpatiallyAdaptiveComputationTime.Unit, stride: Int
    ) throws -> SpatiallyAdaptiveComputationTime {
        let planes = unit == .basic ? 20 : 5
        let stage = try SpatiallyAdaptiveComputationTime(
            inputChannels: 12, planes: planes, units: 4, unit: unit, stride: stride,
            downsample: true)
        try stage.randomise()
        // Some pixels halt at once, some never.
        for index in 1...3 {
            let name = "unit_\(index).halting_proba.local_conv"
            let conv = try #require(stage.module(at: name) as? Conv2d)
            try conv.weight.set(
                Operations.multiply(conv.weight.value, Tensor(repeating: 15, shape: [1])))
            try conv.bias?.set(Tensor(repeating: 1, shape: [1]))
        }
        return stage
    }

    @Test(arguments: [
        (SpatiallyAdaptiveComputationTime.Unit.basic, 1), (.basic, 2), (.bottleneck, 1),
        (.bottleneck, 2),
    ])
    func followsTheFormulas(
        _ unit: SpatiallyAdaptiveComputationTime.Unit, _ stride: Int
    ) throws {
        let stage = try Self.stage(unit, stride: stride)
        for batch in [3, 1, 0] {
            let x = try Tensor.random([batch, 11, 8, 12])
            let expected = try Runtime.with(isa: .scalar) {
                try Expected(stage, x, bottleneck: unit == .bottleneck)
            }
            var first: [KernelISA: Tensor] = [:]
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let found = try stage(x)
                    let what = "\(isa) \(threads)"
                    func worst(_ tensor: Tensor, _ values: [Double]) -> Double {
                        zip(tensor.elements, values).map { abs(Double($0) - $1) }.max() ?? 0
                    }
                    #expect(found.units.elements.map(Double.init) == expected.units, "\(what)")
                    #expect(worst(found.ponderCost, expected.ponder) < 1e-4, "\(what)")
                    #expect(worst(found.output, expected.output) < 2e-4, "\(what)")
                    let same = first[isa, default: found.output]
                    #expect(try same.hasBits(of: found.output), "\(what)")
                    first[isa] = found.output
                    let counts = found.active.map(\.count)
                    #expect(counts == counts.sorted(by: >) && counts.count == 4)
                    if batch > 0 { #expect(counts[0] > counts[1] && counts[1] > 0) }
                }
            }
        }
    }

    @Test func aStageOfOneUnitIsTheUnit() throws {
        let stage = try SpatiallyAdaptiveComputationTime(
            inputChannels: 16, planes: 4, units: 1)
        let x = try Operations.activate(try .random([2, 5, 6, 16]), .relu)
        let found = try stage(x)
        let unit = try Expected.unit(stage.submodules[0].module, x, bottleneck: true)
        #expect(try found.output.maximumDifference(from: unit) < 1e-5)
        #expect(Set(found.ponderCost.elements) == [2] && Set(found.units.elements) == [1])
    }

    @Test func costsSayWhatWasExecuted() throws {
        let stage = try SpatiallyAdaptiveComputationTime(
            inputChannels: 16, planes: 4, units: 3)
        stage.assignLabels(prefix: "block1")
        // All halt after the first unit: σ(9) and more.
        let conv = try #require(
            stage.module(at: "unit_1.halting_proba.local_conv") as? Conv2d)
        try conv.bias?.set(Tensor(repeating: 9, shape: [1]))
        let trace = Trace()
        let found = try trace.recording { try stage(try .random([1, 6, 7, 16])) }
        #expect(found.active.map(\.count) == [42, 0, 0])
        let later = trace.events.filter { $0.path.hasPrefix("block1.unit_2.conv") }
        #expect(later.map(\.cost.executedMultiplyAdds) == [0, 0, 0])
        #expect(later.map(\.cost.multiplyAdds) == [42 * 64, 42 * 4 * 36, 42 * 64])
        let halting = trace.events.filter { $0.path.hasSuffix("unit_1.halting_proba.local_conv") }
        #expect(halting.map(\.cost.executedMultiplyAdds) == [42 * 9 * 16])
        let names = stage.allParameters().map(\.name)
        #expect(names.contains("unit_2.halting_proba.global_conv.weight"))
        #expect(!names.contains { $0.hasPrefix("unit_3.halting") })
        #expect(!names.contains("unit_1.halting_proba.global_conv.bias"))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        typealias Stage = SpatiallyAdaptiveComputationTime
        #expect(throws: ProteanError.self) {
            try Stage(inputChannels: 16, planes: 4, units: 0)
        }
        #expect(throws: ProteanError.self) {
            try Stage(inputChannels: 16, planes: 4, units: 2, epsilon: 1)
        }
        #expect(throws: ProteanError.self) {
            try Stage(inputChannels: 16, planes: 4, units: 2, stride: 2)
        }
        let stage = try Stage(inputChannels: 16, planes: 4, units: 2)
        #expect(throws: ProteanError.self) { try stage(Tensor(zeros: [1, 5, 5, 15])) }
    }

    @Test func aShapeAloneRunsEverything() throws {
        let stage = try SpatiallyAdaptiveComputationTime(
            inputChannels: 16, planes: 4, units: 3)
        let found = try stage.executed(Tensor(shapeOnly: [2, 5, 6, 16]))
        #expect(found.output.shape == [2, 5, 6, 16])
        #expect(found.decision.map(\.count) == [60, 60, 60])
        // Units: 16 → 4 → 4 → 16 channels; scores of the first two at all pixels and per sample.
        let unit = 16 * 4 + 9 * 4 * 4 + 4 * 16
        #expect(found.cost.multiplyAdds == 60 * (3 * unit + 2 * 9 * 16) + 2 * 2 * 16)
        #expect(found.cost.executedMultiplyAdds == found.cost.multiplyAdds)
    }
}
