import CProteanKernels
import Testing

@testable import Protean

/// Winograd's algorithm on active tiles, and the choice among the ways.
@Suite struct MaskedWaysTests {
    // The last is a map beyond the caches, whose tiles are fetched ahead.
    static let shapes = [
        [1, 5, 9, 3], [2, 14, 19, 20], [3, 26, 7, 33], [1, 9, 66, 16], [2, 131, 190, 3],
    ]

    static func packed(
        _ conv: Conv2d, _ algorithm: Conv2dPlan.Algorithm
    ) throws -> PackedConv2d {
        try FoldedWeights().packed(
            weight: conv.weight, bias: conv.bias, norm: nil, geometry: conv.geometry,
            algorithm: algorithm, isa: Runtime.isa(), layer: "test")
    }

    @Test(arguments: shapes, [Conv2dPlan.Algorithm.winograd4x4, .winograd6x6])
    func activeTilesEqualTheDenseResultBitForBit(
        _ shape: [Int], _ algorithm: Conv2dPlan.Algorithm
    ) throws {
        let conv = try Conv2d(
            inputChannels: shape[3], outputChannels: 37, kernelSize: 3,
            padding: .explicit(top: 1, bottom: 0, left: 2, right: 1),
            algorithm: #require(Conv2dAlgorithm(rawValue: algorithm.rawValue)), seed: 3)
        let x = try Tensor.random(shape)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 1) {
                let weights = try Self.packed(conv, algorithm)
                let plain = try conv(x)
                let residual = try Tensor.random(plain.shape, seed: 5)
                let epilogue = Conv2dEpilogue(activation: .silu, residual: residual)
                let whole = try conv(x, epilogue: epilogue)
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(
                        batch: shape[0], size: SparseTest.size(plain.shape))
                    let flags = try mask.flags()
                    let expected = try SparseTest.select(plain, flags)
                    let rows = try SparseTest.rows(plain, flags)
                    let finished = try SparseTest.select(whole, flags)
                    for threads in 1...3 {
                        try Runtime.with(threads: threads) {
                            let map = try Operations.maskedConv2d(
                                x, weights, outputs: mask, layer: "test")
                            #expect(try map.hasBits(of: expected), "\(isa) \(pattern) \(threads)")
                            let compact = try Operations.maskedConv2dRows(
                                x, from: .map, weights, outputs: mask, layer: "test")
                            #expect(try compact.hasBits(of: rows), "\(isa) \(pattern) \(threads)")
                            let all = try Operations.maskedConv2d(
                                x, weights, outputs: mask, epilogue: epilogue, layer: "test")
                            #expect(try all.hasBits(of: finished), "\(isa) \(pattern) \(threads)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [Conv2dPlan.Algorithm.winograd4x4, .winograd6x6])
    func otherOutputsOfATileStayAsTheyAre(_ algorithm: Conv2dPlan.Algorithm) throws {
        let conv = try Conv2d(
            inputChannels: 20, outputChannels: 37, kernelSize: 3, padding: 1,
            algorithm: #require(Conv2dAlgorithm(rawValue: algorithm.rawValue)), seed: 4)
        let x = try Tensor.random([2, 13, 67, 20]), old = try Tensor.random([2, 13, 67, 37])
        for isa in KernelISA.supported {
            for activation in [Activation.relu, .silu] {
                try Runtime.with(isa: isa, threads: 2) {
                    let epilogue = Conv2dEpilogue(activation: activation, residual: old)
                    let whole = try conv(x, epilogue: epilogue)
                    let weights = try Self.packed(conv, algorithm)
                    for pattern in MaskPattern.allCases {
                        let mask = try pattern.plan(batch: 2, size: SparseTest.size(old.shape))
                        var y = old
                        try Operations.updateMaskedConv2d(
                            &y, with: x, weights, outputs: mask, addsToResult: true,
                            epilogue: Conv2dEpilogue(activation: activation), layer: "test")
                        let expected = try SparseTest.select(whole, try mask.flags(), else: old)
                        #expect(try y.hasBits(of: expected), "\(isa) \(activation) \(pattern)")
                    }
                }
            }
        }
    }

    @Test(arguments: [Conv2dPlan.Algorithm.direct, .winograd4x4, .winograd6x6])
    func someChannelsOfAWiderMapAreWritten(_ algorithm: Conv2dPlan.Algorithm) throws {
        let conv = try Conv2d(
            inputChannels: 20, outputChannels: 37, kernelSize: 3, padding: 1,
            algorithm: #require(Conv2dAlgorithm(rawValue: algorithm.rawValue)), seed: 4)
        let x = try Tensor.random([2, 13, 67, 20]), old = try Tensor.random([2, 13, 67, 42])
        let relu = Conv2dEpilogue(activation: .relu)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let weights = try Self.packed(conv, algorithm)
                let head = try Operations.channels(0..<3, of: old)
                let tail = try Operations.channels(40..<42, of: old)
                let whole = try Operations.concatenate(
                    [head, try conv(x, epilogue: relu), tail], axis: -1)
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(batch: 2, size: SparseTest.size(old.shape))
                    let expected = try SparseTest.select(whole, try mask.flags(), else: old)
                    for threads in 1...3 {
                        var y = old
                        try Runtime.with(threads: threads) {
                            try Operations.updateMaskedConv2d(
                                channelsFrom: 3, of: &y, with: x, weights, outputs: mask,
                                epilogue: relu, layer: "test")
                        }
                        #expect(try y.hasBits(of: expected), "\(isa) \(pattern) \(threads)")
                    }
                }
            }
        }
        let weights = try Self.packed(conv, algorithm)
        let mask = try MaskPattern.all.plan(batch: 2, size: SparseTest.size(old.shape))
        for first in [-1, 6] {
            #expect(throws: ProteanError.self) {
                var y = old
                try Operations.updateMaskedConv2d(
                    channelsFrom: first, of: &y, with: x, weights, outputs: mask, epilogue: relu,
                    layer: "test")
            }
        }
    }

    @Test func tilesKeepScatteredDepthwisePixelsBelowTheWholeMap() throws {
        let conv = try Conv2d(
            inputChannels: 32, outputChannels: 32, kernelSize: 3, padding: 1, groups: 32)
        let layer = try FusedMaskedConv2d(conv)
        for pattern in MaskPattern.allCases where pattern != .all {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 19, width: 22))
            for isa in KernelISA.supported {
                let plan = try Runtime.with(isa: isa) {
                    try layer.plan(for: [2, 19, 22, 32], mask: mask, rewritesAll: false)
                }
                #expect(plan.way == .pixels, "\(pattern) \(isa)")
            }
        }
    }

    /// Lone pixels of a depthwise convolution that tiles do not compute are dearer than the whole map, which
    /// then is computed anew.
    @Test(arguments: KernelISA.supported)
    func aWholeMapReplacesOneThatIsThere(_ isa: KernelISA) throws {
        try Runtime.with(isa: isa) { try Self.checkWholeMaps() }
    }

    private static func checkWholeMaps() throws {
        let conv = try Conv2d(
            inputChannels: 32, outputChannels: 32, kernelSize: 5, padding: 2, groups: 32)
        let layer = try FusedMaskedConv2d(conv)
        let x = try Tensor.random([2, 19, 22, 32])
        let old = try Tensor.random([2, 19, 22, 32], seed: 6)
        let size = Size2d(height: 19, width: 22)
        var bytes = [UInt8](repeating: 1, count: 2 * 19 * 22)
        for i in stride(from: 0, to: bytes.count, by: 3) { bytes[i] = 0 }
        let mask = try MaskPlan(bytes: bytes, batch: 2, size: size)
        #expect(try layer.plan(for: x.shape, mask: mask, rewritesAll: false).way == .dense)
        let flags = try mask.flags(), last = try MaskPattern.cells2.plan(batch: 2, size: size)
        var y = old
        try layer.update(&y, with: x, mask: mask)
        let kept = try SparseTest.select(try conv(x), flags, else: old)
        #expect(try y.hasBits(of: kept))
        y = old
        try layer.update(&y, with: x, mask: mask, previous: last)
        let stays = zip(flags, try last.flags()).map { $0 || !$1 }
        #expect(try y.hasBits(of: try SparseTest.select(kept, stays)))
        y = old
        try layer.update(&y, with: x, mask: mask, addsToResult: true)
        let sum = try conv(x, epilogue: Conv2dEpilogue(residual: old))
        #expect(try y.hasBits(of: try SparseTest.select(sum, flags, else: old)))
        #expect(throws: ProteanError.self) {
            var small = try Tensor(zeros: [2, 19, 21, 32])
            try layer.update(&small, with: x, mask: mask)
        }
    }

    /// What is kept from call to call follows parameters, settings and shapes.
    @Test func keptCallsFollowWhatTheyWereMadeFor() throws {
        let conv = try Conv2d(inputChannels: 8, outputChannels: 8, kernelSize: 3, padding: 1)
        let layer = try FusedMaskedConv2d(conv)
        for round in 0..<3 {
            try conv.weight.set(try Tensor.random(conv.weight.shape, seed: UInt64(round)))
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa) {
                    for width in [5, 9, 12, 17, 21, 5] {
                        let x = try Tensor.random([1, 6, width, 8])
                        let mask = try MaskPattern.pixels.plan(
                            batch: 1, size: SparseTest.size(x.shape))
                        let found = try layer(x, mask: mask)
                        let expected = try SparseTest.select(try conv(x), try mask.flags())
                        #expect(try found.maximumDifference(from: expected) < 1e-4)
                    }
                }
            }
        }
    }

    @Test func largeWeightsAreReadPlaneByPlane() throws {
        let conv = try Conv2d(
            inputChannels: 160, outputChannels: 176, kernelSize: 3, padding: 1,
            algorithm: .winograd4x4)
        let x = try Tensor.random([1, 17, 19, 160])
        let weights = try Self.packed(conv, .winograd4x4)
        let mask = try MaskPattern.cells2.plan(batch: 1, size: Size2d(height: 17, width: 19))
        let dense = try conv(x)
        for threads in 1...3 {
            let found = try Runtime.with(threads: threads) {
                try Operations.maskedConv2d(x, weights, outputs: mask, layer: "test")
            }
            #expect(try found.hasBits(of: try SparseTest.select(dense, try mask.flags())))
        }
    }

    @Test(arguments: MaskedConv2dAlgorithm.allCases)
    func everyWayAgrees(_ algorithm: MaskedConv2dAlgorithm) throws {
        let conv = try Conv2d(inputChannels: 24, outputChannels: 32, kernelSize: 3, padding: 1)
        let layer = try MaskedConv2d(conv, algorithm: algorithm)
        let exact = try MaskedConv2d(conv, algorithm: .direct)
        let x = try Tensor.random([2, 23, 30, 24])
        let base = try Tensor.random([2, 23, 30, 32], seed: 8)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 23, width: 30))
            let expected = try exact(x, mask: mask)
            #expect(try layer(x, mask: mask).maximumDifference(from: expected) < 2e-5)
            let copied = try layer(x, mask: mask, inactive: .copy(of: base))
            let same = try exact(x, mask: mask, inactive: .copy(of: base))
            #expect(try copied.maximumDifference(from: same) < 2e-5)
            let rows = try layer.rows(x, mask: mask)
            #expect(try rows.maximumDifference(from: exact.rows(x, mask: mask)) < 2e-5)
            var y = base
            try layer.update(&y, with: x, mask: mask)
            #expect(try y.maximumDifference(from: same) < 2e-5)
        }
    }

    @Test func theChoiceFollowsTheMask() throws {
        let layer = try MaskedConv2d(
            inputChannels: 64, outputChannels: 64, kernelSize: 3, padding: 1)
        func mask(_ active: (Int, Int) -> Bool) throws -> MaskPlan {
            try MaskPlan(
                bytes: (0..<56 * 56).map { active($0 / 56, $0 % 56) ? 1 : 0 }, size: 56)
        }
        let rare = try mask { $0 % 10 == 0 && $1 % 10 == 0 }, half = try mask { y, _ in y < 24 }
        let full = try mask { _, _ in true }
        let one = try MaskedConv2d(inputChannels: 64, outputChannels: 64, kernelSize: 1)
        let pixels = try MaskPattern.pixels.plan(batch: 1, size: 9)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                func plan(_ mask: MaskPlan) throws -> MaskedConv2dPlan {
                    try layer.plan(for: [1, 56, 56, 64], mask: mask)
                }
                #expect(try plan(rare).way == .pixels, "\(isa)")
                #expect(try [.tiles4x4, .tiles6x6].contains(plan(half).way), "\(isa)")
                let all = try plan(full)
                #expect(all.way == .dense, "\(isa)")
                #expect(all.estimatedCycles[.dense]! < all.estimatedCycles[.pixels]!, "\(isa)")
                #expect(try one.plan(for: [1, 9, 9, 64], mask: pixels).way == .pixels, "\(isa)")
            }
        }
    }

    /// Nothing to do is an estimate of 0; a way that does not apply has none.
    @Test(arguments: KernelISA.supported)
    func freeAndInapplicableWaysAreToldApart(_ isa: KernelISA) throws {
        func estimates(
            _ conv: Conv2d, active: Bool, exact: Bool = false
        ) throws -> [MaskedConv2dPlan.Way: Double] {
            let input = [2, 9, 13, conv.geometry.inputChannels]
            let output = try conv.plan(for: input).outputShape
            let mask = try MaskPlan(
                bytes: [UInt8](repeating: active ? 1 : 0, count: 2 * output[1] * output[2]),
                batch: 2, size: Size2d(height: output[1], width: output[2]))
            var shape = try conv.geometry.kernelShape(for: input, layer: "test")
            shape.choice = exact ? PTN_CONV2D_SUMS : PTN_CONV2D_AUTO
            var runtime = ptn_runtime(isa: isa.kernelValue, threads: 2)
            var cycles = [Double](repeating: -1, count: 4)
            var model = ptn_masked_conv2d_model()
            #expect(ptn_masked_conv2d_model_for(&runtime, &shape, &model) == PTN_OK)
            let status = withExtendedLifetime(mask) {
                ptn_masked_conv2d_estimate(&model, mask.kernelPlan, true, &cycles)
            }
            #expect(status == PTN_OK)
            return MaskedConv2dEstimates(cycles: (cycles[0], cycles[1], cycles[2], cycles[3]))
                .byWay
        }
        let square = try Conv2d(
            inputChannels: 32, outputChannels: 48, kernelSize: 3, padding: 1)
        let empty = try estimates(square, active: false)
        #expect(empty[.pixels] == 0 && empty[.tiles4x4] == 0 && empty[.tiles6x6] == 0)
        #expect(try #require(empty[.dense]) > 0)
        let full = try estimates(square, active: true)
        #expect(full.count == 4 && full.values.allSatisfy { $0 > 0 && $0.isFinite })

        let ways: Set<MaskedConv2dPlan.Way> = [.pixels, .dense]
        let strided = try Conv2d(
            inputChannels: 32, outputChannels: 48, kernelSize: 3, stride: 2, padding: 1)
        let depthwise = try Conv2d(
            inputChannels: 32, outputChannels: 32, kernelSize: 3, padding: 1, groups: 32)
        for conv in [strided, depthwise] {
            #expect(Set(try estimates(conv, active: true).keys) == ways)
            let found = try estimates(conv, active: false)
            #expect(Set(found.keys) == ways)
            #expect(found[.pixels] == 0)
        }
        #expect(Set(try estimates(square, active: false, exact: true).keys) == ways)
    }

    @Test func winogradIsRefusedWhereItDoesNotApply() {
        #expect(throws: ProteanError.self) {
            try MaskedConv2d(
                inputChannels: 4, outputChannels: 4, kernelSize: 3, stride: 2,
                algorithm: .winograd)
        }
    }

    @Test func severalMapsEqualTheConcatenatedOne() throws {
        for (channels, outputs) in [([16, 16, 16], 70), ([5, 9], 12), ([3, 3], 7)] {
            let conv = try Conv2d(
                inputChannels: channels.reduce(0, +), outputChannels: outputs, kernelSize: 1,
                seed: 3)
            let fused = try FusedMaskedConv2d(conv, nil, .relu)
            let maps = try channels.enumerated().map {
                try Tensor.random([2, 9, 11, $1], seed: UInt64($0))
            }
            let x = try Operations.concatenate(maps, axis: -1)
            let before = try Tensor.random([2, 9, 11, outputs], seed: 8)
            for pattern in MaskPattern.allCases {
                let mask = try pattern.plan(batch: 2, size: Size2d(height: 9, width: 11))
                for (isa, threads) in allRuntimes {
                    try Runtime.with(isa: isa, threads: threads) {
                        var expected = before, found = before
                        try fused.update(&expected, with: x, mask: mask)
                        try fused.update(&found, concatenating: maps, mask: mask)
                        #expect(try found.hasBits(of: expected), "\(pattern) \(isa) \(threads)")
                    }
                }
            }
        }
    }

    @Test func anEmptyMaskComputesNothing() throws {
        let layer = try MaskedConv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let mask = try MaskPattern.none.plan(batch: 1, size: Size2d(height: 6, width: 5))
        #expect(try layer.plan(for: [1, 6, 5, 3], mask: mask).way == .pixels)
        let trace = Trace()
        _ = try trace.recording { try layer(try .random([1, 6, 5, 3]), mask: mask) }
        #expect(trace.totalCost.executedMultiplyAdds == 0)
    }
}
