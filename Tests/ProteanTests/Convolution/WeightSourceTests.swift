import CProteanKernels
import Testing

@testable import Protean

/// The sources of a convolution's weights: whatever is mixed or packed within the call gives the bits of a
/// call for each sample alone with that sample's set.
@Suite struct WeightSourceTests {
    /// One case for each algorithm, lopsided, with odd channels, groups, strides and dilation.
    struct Case: CustomTestStringConvertible {
        let name: String
        var batch = 3, height = 9, width = 7, input = 17, output = 33, kernel = 3
        var stride = 1, dilation = 1, groups = 1
        var choice = PTN_CONV2D_SUMS
        var testDescription: String { name }

        var shape: ptn_conv2d_shape {
            var s = ptn_conv2d_shape()
            (s.n, s.h, s.w, s.c, s.k) = (batch, height, width, input, output)
            (s.kh, s.kw) = (kernel, kernel)
            (s.stride_h, s.stride_w, s.dilation_h, s.dilation_w) =
                (stride, stride, dilation, dilation)
            let pad = dilation * (kernel / 2)
            (s.pad_top, s.pad_bottom, s.pad_left, s.pad_right) = (pad, pad, pad, pad)
            s.groups = groups
            s.choice = choice
            return s
        }
        var filters: Int { output * (input / groups) * kernel * kernel }
    }

    static let cases = [
        Case(name: "direct"),
        Case(name: "direct, stride 2, dilation 2", stride: 2, dilation: 2),
        Case(name: "direct, two groups", input: 14, output: 66, groups: 2),
        Case(name: "pointwise", kernel: 1),
        Case(name: "merged", input: 3, kernel: 5, stride: 2),
        Case(name: "depthwise", input: 33, output: 33, groups: 33),
        Case(name: "depthwise, one channel", input: 1, output: 1),
        Case(name: "grouped", input: 32, output: 32, groups: 8),
        Case(name: "narrow", input: 64, output: 1),
        Case(name: "4 x 4", choice: PTN_CONV2D_WINOGRAD_FORCE_4X4),
        Case(name: "6 x 6", choice: PTN_CONV2D_WINOGRAD_FORCE_6X6),
        Case(name: "one sample", batch: 1),
    ]

    private static func values(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int(state >> 40) % 2001 - 1000) / 1000
        }
    }

    private static func plan(_ one: Case, _ runtime: ptn_runtime) -> ptn_conv2d_plan {
        var plan = ptn_conv2d_plan(), shape = one.shape, runtime = runtime
        #expect(ptn_conv2d_plan_for(&runtime, &shape, &plan) == PTN_OK)
        return plan
    }

    private static func packed(
        _ weights: ArraySlice<Float>, _ one: Case, _ plan: ptn_conv2d_plan, _ isa: ptn_isa
    ) -> [Float] {
        var packed = [Float](repeating: 0, count: plan.packed_floats), shape = one.shape
        let status = ptn_conv2d_pack(isa, &shape, plan.algorithm, Array(weights), nil, &packed)
        #expect(status == PTN_OK)
        return packed
    }

    /// Runs `shape` with the source that `body` fills in; pads the result with a guard of NaN.
    private static func run(
        _ shape: ptn_conv2d_shape, _ x: [Float], _ bias: [Float]?, _ runtime: ptn_runtime,
        _ source: ptn_weight_source, outputs: Int
    ) -> (status: ptn_status, y: [Float]) {
        var y = [Float](repeating: .nan, count: outputs), shape = shape, runtime = runtime
        var source = source, epilogue = ptn_conv2d_epilogue()
        func call(_ bias: UnsafePointer<Float>?) -> ptn_status {
            epilogue.bias = bias
            epilogue.activation.kind = PTN_ACT_RELU
            return ptn_conv2d(&runtime, &shape, x, &source, &epilogue, &y, nil)
        }
        let status = bias.map { call($0) } ?? call(nil)
        return (status, y)
    }

    /// Every sample in a call of its own, with shared weights and biases.
    private static func alone(
        _ one: Case, _ x: [Float], packed: [[Float]], bias: [[Float]]?, _ plan: ptn_conv2d_plan,
        _ isa: ptn_isa
    ) -> [Float] {
        var shape = one.shape
        shape.n = 1
        let inputs = one.height * one.width * one.input
        let outputs = plan.out_h * plan.out_w * one.output
        return (0..<one.batch).flatMap { sample in
            let part = Array(x[sample * inputs..<(sample + 1) * inputs])
            return packed[sample].withUnsafeBufferPointer { weights in
                let result = run(
                    shape, part, bias?[sample], ptn_runtime(isa: isa, threads: 1),
                    ptn_weights_shared(weights.baseAddress), outputs: outputs)
                #expect(result.status == PTN_OK)
                return result.y
            }
        }
    }

    @Test(arguments: cases, KernelISA.supported)
    func setsPerSampleGiveTheBitsOfEachAlone(_ one: Case, isa: KernelISA) {
        let isa = isa.kernelValue
        let plan = Self.plan(one, ptn_runtime(isa: isa, threads: 1))
        let x = Self.values(one.batch * one.height * one.width * one.input, seed: 1)
        let weights = Self.values(one.batch * one.filters, seed: 2)
        let packed = (0..<one.batch).map {
            Self.packed(weights[$0 * one.filters..<($0 + 1) * one.filters], one, plan, isa)
        }
        let expected = Self.alone(one, x, packed: packed, bias: nil, plan, isa)
        for threads in 1...3 {
            weights.withUnsafeBufferPointer { weights in
                var source = ptn_weight_source()
                source.kind = PTN_WEIGHTS_PER_SAMPLE
                source.weights = weights.baseAddress
                let result = Self.run(
                    one.shape, x, nil, ptn_runtime(isa: isa, threads: Int32(threads)), source,
                    outputs: expected.count)
                #expect(result.status == PTN_OK)
                #expect(result.y == expected, "\(threads) threads")
            }
        }
        #expect(expected.contains { $0 > 0 })
    }

    @Test(arguments: cases.filter { $0.choice == PTN_CONV2D_SUMS }, KernelISA.supported)
    func mixedSetsGiveTheBitsOfMixturesMadeBefore(_ one: Case, isa: KernelISA) {
        let isa = isa.kernelValue, sets = 4
        let plan = Self.plan(one, ptn_runtime(isa: isa, threads: 1))
        let x = Self.values(one.batch * one.height * one.width * one.input, seed: 3)
        let weights = Self.values(sets * one.filters, seed: 4)
        let routing = Self.values(one.batch * sets, seed: 5)
        let biases = Self.values(sets * one.output, seed: 6)
        let shift = Self.values(one.output, seed: 7)
        let packed = (0..<sets).flatMap {
            Self.packed(weights[$0 * one.filters..<($0 + 1) * one.filters], one, plan, isa)
        }
        func mixed(_ values: [Float], _ length: Int) -> [[Float]] {
            var all = [Float](repeating: 0, count: one.batch * length)
            var runtime = ptn_runtime(isa: isa, threads: 1)
            #expect(
                ptn_expert_mix(&runtime, one.batch, sets, length, routing, values, &all) == PTN_OK)
            return (0..<one.batch).map { Array(all[$0 * length..<($0 + 1) * length]) }
        }
        let mixedBiases = mixed(biases, one.output).map { zip($0, shift).map(+) }
        let expected = Self.alone(
            one, x, packed: mixed(packed, plan.packed_floats), bias: mixedBiases, plan, isa)
        for threads in 1...3 {
            let runtime = ptn_runtime(isa: isa, threads: Int32(threads))
            withSource(packed, sets, routing, biases, shift) { source in
                let result = Self.run(one.shape, x, nil, runtime, source, outputs: expected.count)
                #expect(result.status == PTN_OK)
                #expect(result.y == expected, "\(threads) threads")
            }
        }
    }

    /// Sets in direct form are mixed, scaled and transformed in one pass: the result is that of the
    /// direct algorithm up to rounding, and a sample's bits depend on nothing else.
    @Test(arguments: cases.filter { $0.choice != PTN_CONV2D_SUMS }, KernelISA.supported)
    func mixturesInWinogradsFormAreThoseOfTheDirectAlgorithm(_ one: Case, isa: KernelISA) {
        let isa = isa.kernelValue, sets = 3
        var direct = one
        direct.choice = PTN_CONV2D_FORCE_DIRECT
        let plan = Self.plan(direct, ptn_runtime(isa: isa, threads: 1))
        let inputs = one.height * one.width * one.input
        let x = Self.values(one.batch * inputs, seed: 3)
        let weights = Self.values(sets * one.filters, seed: 4)
        let routing = Self.values(one.batch * sets, seed: 5)
        let biases = Self.values(sets * one.output, seed: 6)
        let packed = (0..<sets).flatMap {
            Self.packed(weights[$0 * one.filters..<($0 + 1) * one.filters], direct, plan, isa)
        }
        let outputs = plan.out_h * plan.out_w * one.output
        let taps = Self.values(one.batch * 9, seed: 8)
        let factors = Self.values(one.batch * one.input, seed: 9)
        func run(
            _ shape: ptn_conv2d_shape, samples: Range<Int>, threads: Int32, scaled: Bool
        ) -> [Float] {
            var y: [Float] = [], shape = shape
            shape.n = samples.count
            let runtime = ptn_runtime(isa: isa, threads: threads)
            taps.withUnsafeBufferPointer { taps in
                factors.withUnsafeBufferPointer { factors in
                    withSource(
                        packed, sets, Array(routing[(samples.lowerBound * sets)...]), biases, nil
                    ) { source in
                        var source = source
                        if scaled {
                            source.taps = taps.baseAddress! + samples.lowerBound * 9
                            source.inputs = factors.baseAddress! + samples.lowerBound * one.input
                        }
                        let result = Self.run(
                            shape, Array(x[(samples.lowerBound * inputs)...]), nil, runtime,
                            source, outputs: samples.count * outputs)
                        #expect(result.status == PTN_OK)
                        y = result.y
                    }
                }
            }
            return y
        }
        for scaled in [false, true] {
            let all = 0..<one.batch
            let expected = run(direct.shape, samples: all, threads: 1, scaled: scaled)
            let found = run(one.shape, samples: all, threads: 1, scaled: scaled)
            let largest = expected.map(abs).max() ?? 0
            let worst = zip(expected, found).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst < 1e-5 * largest && largest > 0, "\(worst) of \(largest)")
            for threads in [2, 3] as [Int32] {
                #expect(run(one.shape, samples: all, threads: threads, scaled: scaled) == found)
            }
            for sample in all {
                let alone = run(
                    one.shape, samples: sample..<sample + 1, threads: 1, scaled: scaled)
                #expect(alone == Array(found[sample * outputs..<(sample + 1) * outputs]))
            }
        }
    }

    @Test func aPlanOfAMixtureCountsTheMixing() {
        // On a large map Winograd's forms pay with a few experts and not with very many.
        let one = Case(
            name: "", batch: 1, height: 56, width: 56, input: 64, output: 64,
            choice: PTN_CONV2D_AUTO)
        for isa in KernelISA.supported {
            var shape = one.shape, plan = ptn_conv2d_plan(), plain = plan
            var runtime = ptn_runtime(isa: isa.kernelValue, threads: 1)
            #expect(ptn_conv2d_plan_for(&runtime, &shape, &plain) == PTN_OK)
            #expect(ptn_conv2d_mixed_plan_for(&runtime, &shape, 4, &plan) == PTN_OK)
            let isWinograd = plan.algorithm != PTN_CONV2D_DIRECT
            #expect(isWinograd == (plain.algorithm != PTN_CONV2D_DIRECT), "\(isa)")
            shape.n = 8
            runtime.threads = 2
            var batch = ptn_conv2d_plan()
            #expect(ptn_conv2d_mixed_plan_for(&runtime, &shape, 4, &batch) == PTN_OK)
            #expect(batch.algorithm == plan.algorithm)
            // A small map does not pay for larger mixtures.
            (shape.h, shape.w, shape.c, shape.k) = (7, 7, 512, 512)
            #expect(ptn_conv2d_mixed_plan_for(&runtime, &shape, 8, &plan) == PTN_OK)
            #expect(plan.algorithm == PTN_CONV2D_DIRECT, "\(isa)")
            // Other choices are kept.
            shape.choice = PTN_CONV2D_WINOGRAD_FORCE_6X6
            #expect(ptn_conv2d_mixed_plan_for(&runtime, &shape, 8, &plan) == PTN_OK)
            #expect(plan.algorithm == PTN_CONV2D_WINOGRAD_6X6)
        }
    }

    private func withSource(
        _ packed: [Float], _ sets: Int, _ routing: [Float], _ biases: [Float]?, _ shift: [Float]?,
        _ body: (ptn_weight_source) -> Void
    ) {
        packed.withUnsafeBufferPointer { packed in
            routing.withUnsafeBufferPointer { routing in
                (biases ?? []).withUnsafeBufferPointer { some in
                    (shift ?? []).withUnsafeBufferPointer { added in
                        var source = ptn_weights_shared(packed.baseAddress)
                        source.kind = PTN_WEIGHTS_MIXED
                        source.sets = sets
                        source.routing = routing.baseAddress
                        source.biases = biases == nil ? nil : some.baseAddress
                        source.shift = shift == nil ? nil : added.baseAddress
                        body(source)
                    }
                }
            }
        }
    }

    @Test func brokenSourcesAreRefusedAndNothingIsWritten() {
        let one = Case(name: "refused"), isa = PTN_ISA_SCALAR
        let runtime = ptn_runtime(isa: isa, threads: 1), plan = Self.plan(one, runtime)
        let x = Self.values(one.batch * one.height * one.width * one.input, seed: 1)
        let packed = [Float](repeating: 1, count: plan.packed_floats)
        let bias = [Float](repeating: 1, count: one.output)
        func refused(_ source: ptn_weight_source, bias: [Float]? = nil) {
            let result = Self.run(one.shape, x, bias, runtime, source, outputs: 10)
            #expect(result.status == PTN_BAD_ARGUMENT)
            #expect(result.y.filter { !$0.isNaN }.isEmpty)
        }
        refused(ptn_weights_shared(nil))
        var none = ptn_weight_source()
        none.kind = PTN_WEIGHTS_PER_SAMPLE
        refused(none)
        none.kind = ptn_weight_kind(rawValue: 7)
        refused(none)
        withSource(packed, 1, [1, 1, 1], bias, nil) { source in
            // Biases from both the source and the epilogue.
            refused(source, bias: bias)
            var unrouted = source
            unrouted.routing = nil
            refused(unrouted)
        }
    }

    @Test func anEmptyBatchDoesNothing() {
        let one = Case(name: "empty", batch: 0)
        var source = ptn_weight_source()
        source.kind = PTN_WEIGHTS_PER_SAMPLE
        let result = Self.run(
            one.shape, [0], nil, ptn_runtime(isa: PTN_ISA_SCALAR, threads: 2), source, outputs: 1)
        #expect(result.status == PTN_OK)
    }
}
