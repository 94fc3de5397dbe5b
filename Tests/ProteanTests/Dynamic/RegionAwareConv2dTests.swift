import Foundation
import Testing

@testable import Protean

@Suite struct RegionAwareConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var dilation: Size2d = 1
        var regions = 4
        var sets = 3

        var testDescription: String { "\(input)->\(outputs) k\(kernel) s\(stride) r\(regions)" }

        func layer() throws -> RegionAwareConv2d {
            let layer = try RegionAwareConv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: .symmetric(height: 1, width: 2), dilation: dilation,
                regions: regions, sets: sets, seed: 5)
            for (index, named) in layer.allParameters().enumerated() {
                try named.parameter.set(
                    MapTest.tensor(
                        named.parameter.shape, seed: UInt64(index + 1),
                        range: named.name == "weight" ? 0.3 : 1))
            }
            return layer
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 6], outputs: 20),
        Case(input: [1, 4, 9, 1], outputs: 1, kernel: Size2d(height: 1, width: 2), regions: 2),
        Case(input: [2, 9, 8, 17], outputs: 33, stride: Size2d(height: 2, width: 1), regions: 7),
        Case(input: [1, 11, 13, 3], outputs: 7, dilation: 2, sets: 1),
        Case(input: [2, 6, 7, 33], outputs: 70, kernel: 1, regions: 1, sets: 2),
        Case(input: [1, 40, 37, 24], outputs: 48, regions: 8, sets: 8),
        // Weights of all regions beyond what is mixed at a time.
        Case(input: [2, 4, 5, 64], outputs: 96, regions: 8, sets: 2),
    ]

    /// Every sample's kernels `[sample][region][out · in · taps]`.
    static func kernels(_ layer: RegionAwareConv2d, _ x: Tensor, sets: Int) throws -> [[Double]] {
        let weight = layer.parameters[0].parameter.value.elements
        let routing = try #require(layer.module(at: "routing_fc") as? Linear)
        let (a, b) = (routing.weight.value.elements, try #require(routing.bias).value.elements)
        let x64 = x.elements.map(Double.init), channels = x.shape[3]
        let pixels = x.shape[1] * x.shape[2], length = weight.count / sets
        return (0..<x.shape[0] * layer.regions).map { index in
            let (sample, region) = (index / layer.regions, index % layer.regions)
            let means = (0..<channels).map { c in
                (0..<pixels).reduce(0.0) { $0 + x64[(sample * pixels + $1) * channels + c] }
                    / Double(pixels)
            }
            let mixing = (0..<sets).map { s -> Double in
                let row = region * sets + s
                let z = (0..<channels).reduce(Double(b[row])) {
                    $0 + Double(a[row * channels + $1]) * means[$1]
                }
                return 2 / (1 + exp(-z)) / Double(sets)
            }
            return (0..<length).map { i in
                (0..<sets).reduce(0.0) { $0 + mixing[$1] * Double(weight[i * sets + $1]) }
            }
        }
    }

    static func guide(_ layer: RegionAwareConv2d, _ x: Tensor, below: Int) throws -> Tensor {
        let shape = try layer.geometry.plan(for: x.shape, layer: "test").outputShape
        return try Tensor(
            MapTest.values(shape[0] * shape[1] * shape[2], seed: 9, range: 1).map {
                min(Float(below - 1), (($0 + 1) / 2 * Float(below)).rounded(.down))
            }, shape: Array(shape.dropLast()) + [1])
    }

    @Test(arguments: cases)
    func agreesWithLoopsInDouble(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        // The last of several regions has no pixels.
        let map = try Self.guide(layer, x, below: max(1, test.regions - 1))
        let kernels = try Self.kernels(layer, x, sets: test.sets)
        let references = try (0..<test.regions).map { region in
            try Conv2dReference(
                layer.geometry, x: x,
                weights: (0..<test.input[0]).flatMap { kernels[$0 * test.regions + region] },
                perSample: true)
        }
        let bias = layer.parameters[1].parameter.value.elements, regions = map.elements
        let expected = (0..<references[0].sums.count).map { i in
            references[Int(regions[i / test.outputs])].sums[i] + Double(bias[i % test.outputs])
        }
        try MapTest.everywhere {
            try layer(x, guide: map)
        } check: { isa, y in
            MapTest.expect(
                y, shape: references[0].outputShape, expected, tolerance: 2e-5, "\(isa)")
        }
    }

    @Test func oneRegionIsAnOrdinaryConvolution() throws {
        let layer = try RegionAwareConv2d(
            inputChannels: 9, outputChannels: 37, kernelSize: 3, padding: 1, regions: 1, sets: 1)
        let routing = try #require(layer.module(at: "routing_fc") as? Linear)
        try routing.weight.set(Tensor(zeros: [1, 9]))
        try #require(routing.bias).set(Tensor(zeros: [1]))
        let plain = try Conv2d(
            weight: layer.parameters[0].parameter.value.reshaped(to: [37, 9, 3, 3]),
            bias: layer.parameters[1].parameter.value, padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 6, 7, 9]), guide = try Tensor(zeros: [2, 6, 7, 1])
        for isa in KernelISA.supported {
            let (mixed, ordinary) = try Runtime.with(isa: isa) {
                (try layer(x, guide: guide), try plain(x))
            }
            #expect(mixed.isBitEqual(to: ordinary))
        }
    }

    @Test func theFirstOfEqualLogitsDecidesAndNearestPixelsAreTaken() throws {
        let logits = try Tensor([1, 2, 2, 3, 3, 3, 0, -1, 5, 1, 0, 0], shape: [1, 2, 2, 3])
        let map = try Operations.regionMap(logits, regions: 3)
        #expect(map.elements == [1, 0, 2, 0])
        let wide = try Operations.regionMap(logits, regions: 3, size: Size2d(height: 3, width: 4))
        #expect(wide.elements == [1, 1, 0, 0, 1, 1, 0, 0, 2, 2, 0, 0])
        let layer = try RegionAwareConv2d(
            inputChannels: 2, outputChannels: 3, kernelSize: 3, stride: 2, padding: 1, regions: 3)
        let x = try Tensor.random([1, 5, 7, 2])
        let found = try layer.regions(of: x, guide: logits)
        #expect(found.elements == wide.elements)
        let plan = try RegionPlan(wide, regions: 3)
        #expect(plan.activeRegions == 3 && plan.pixelCount(of: 2, in: 0) == 2)
        let (planned, given) = (try layer(x, regions: plan), try layer(x, guide: logits))
        #expect(planned.isBitEqual(to: given))
    }

    @Test func aLayerWithItsOwnGuideNeedsNone() throws {
        let x = try Tensor.random([2, 6, 5, 4])
        for variant in RegionAwareConv2d.Variant.allCases {
            let layer = try RegionAwareConv2d(
                inputChannels: 4, outputChannels: 18, kernelSize: 3, padding: 1, regions: 3,
                masknet: true, variant: variant, seed: 2)
            #expect(layer.requiredInputs == 0)
            let y = try layer(x)
            let given = try layer(x, guide: layer.regions(of: x))
            #expect(y.isBitEqual(to: given))
            try MapTest.everywhere {
                try layer(x)
            } check: { _, y in
                #expect(y.shape == [2, 6, 5, 18] && y.elements.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test func generatedKernelsAreThoseOfTheTwoConvolutions() throws {
        let layer = try RegionAwareConv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1, regions: 2,
            variant: .generated, seed: 8)
        let x = try Tensor.random([2, 5, 4, 3])
        let map = try layer.regions(of: x).elements
        let first = try #require(layer.module(at: "conv_kernel.1") as? Conv2d)
        let second = try #require(layer.module(at: "conv_kernel.3") as? Conv2d)
        let pooled = try Operations.adaptiveAvgPool2d(x, outputSize: 3)
        let made = try second(Operations.activate(first(pooled), .sigmoid))
        let kernels = try Operations.permute(made, [0, 3, 1, 2]).elements.map(Double.init)
        let references = try (0..<2).map { region in
            try Conv2dReference(
                layer.geometry, x: x,
                weights: (0..<2).flatMap {
                    Array(kernels[($0 * 2 + region) * 108..<($0 * 2 + region + 1) * 108])
                },
                perSample: true)
        }
        let expected = (0..<references[0].sums.count).map { references[Int(map[$0 / 4])].sums[$0] }
        MapTest.expect(try layer(x), shape: [2, 5, 4, 4], expected, tolerance: 1e-5)
    }

    @Test func anEpilogueIsApplied() throws {
        let layer = try Case(input: [2, 6, 5, 8], outputs: 16).layer()
        let x = try Tensor.random([2, 6, 5, 8]), map = try Self.guide(layer, x, below: 4)
        let plain = try layer(x, guide: map)
        let residual = try Tensor.random(plain.shape, seed: 4)
        let epilogue = Conv2dEpilogue(activation: .silu, residual: residual)
        let fused = try layer(x, with: [map], epilogue: epilogue)
        let separate = try Operations.activate(Operations.add(plain, residual), .silu)
        #expect(try fused.maximumDifference(from: separate) < 1e-5)
    }

    @Test func otherNumbersThanRegionsAreRefused() throws {
        let layer = try RegionAwareConv2d(
            inputChannels: 2, outputChannels: 2, kernelSize: 1, regions: 3)
        let x = try Tensor(zeros: [1, 1, 4, 2])
        for wrong in [3, -1, 0.5, Float.nan, .infinity] {
            let error = #expect(throws: ProteanError.self) {
                try layer(x, guide: Tensor([0, 1, wrong, 2], shape: [1, 1, 4, 1]))
            }
            guard case .invalidOption(_, "guide", "whole numbers in 0...2", let found) = error
            else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
            #expect(found.contains("pixel 2"))
        }
    }

    @Test func wrongInputsAreRefused() throws {
        let layer = try RegionAwareConv2d(inputChannels: 2, outputChannels: 2, kernelSize: 3)
        let x = try Tensor(zeros: [1, 4, 4, 2])
        #expect(throws: ProteanError.self) { try layer(x) }
        #expect(throws: ProteanError.self) { try layer(x, guide: Tensor(zeros: [1, 2, 2, 7])) }
        #expect(throws: ProteanError.self) { try layer(x, guide: Tensor(zeros: [2, 2, 2, 1])) }
        #expect(throws: ProteanError.self) {
            try layer(x, regions: RegionPlan(Tensor(zeros: [1, 2, 2, 1]), regions: 3))
        }
        for options in [(0, 8), (8, 0), (1 << 17, 1)] {
            #expect(throws: ProteanError.self) {
                try RegionAwareConv2d(
                    inputChannels: 2, outputChannels: 2, kernelSize: 3, regions: options.0,
                    sets: options.1)
            }
        }
    }

    @Test func emptyBatchesAndShapesPass() throws {
        let layer = try RegionAwareConv2d(
            inputChannels: 2, outputChannels: 3, kernelSize: 3, padding: 1)
        let empty = try layer(Tensor(zeros: [0, 5, 4, 2]), guide: Tensor(zeros: [0, 5, 4, 1]))
        #expect(empty.shape == [0, 5, 4, 3])
        let trace = Trace()
        let outcome = trace.recording {
            Result { () throws(ProteanError) in
                try layer(Tensor(shapeOnly: [2, 5, 4, 2]), guide: Tensor(shapeOnly: [2, 1, 1, 8]))
            }
        }
        let shape = try outcome.get()
        #expect(shape.isShapeOnly && shape.shape == [2, 5, 4, 3])
        // The convolution, and mixing eight sets for eight regions of two samples.
        #expect(trace.events.last?.cost.multiplyAdds == 120 * 18 + 16 * 54 * 8)
    }

    @Test func nanStaysInItsWindow() throws {
        let layer = try Case(input: [1, 6, 6, 3], outputs: 17).layer()
        var values = MapTest.values(108)
        values[0] = .nan
        let map = try Self.guide(layer, Tensor(values, shape: [1, 6, 6, 3]), below: 4)
        // The pooled input makes every kernel NaN.
        let y = try layer(Tensor(values, shape: [1, 6, 6, 3]), guide: map)
        #expect(y.elements.allSatisfy { $0.isNaN })
    }
}
