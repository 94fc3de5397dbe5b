import Testing

@testable import Protean

/// Winograd's algorithm on active tiles, and the choice among the ways.
@Suite struct MaskedWaysTests {
    static let shapes = [[1, 5, 9, 3], [2, 14, 19, 20], [3, 26, 7, 33], [1, 9, 66, 16]]

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
        func plan(_ active: (Int, Int) -> Bool) throws -> MaskedConv2dPlan {
            let bytes = (0..<56 * 56).map { active($0 / 56, $0 % 56) ? UInt8(1) : 0 }
            return try layer.plan(
                for: [1, 56, 56, 64], mask: try MaskPlan(bytes: bytes, size: 56))
        }
        #expect(try plan { $0 % 10 == 0 && $1 % 10 == 0 }.way == .pixels)
        #expect(try [.tiles4x4, .tiles6x6].contains(plan { y, _ in y < 24 }.way))
        let all = try plan { _, _ in true }
        #expect(all.way == .dense)
        #expect(all.estimatedCycles[.dense]! < all.estimatedCycles[.pixels]!)
        let one = try MaskedConv2d(inputChannels: 64, outputChannels: 64, kernelSize: 1)
        let mask = try MaskPattern.pixels.plan(batch: 1, size: 9)
        #expect(try one.plan(for: [1, 9, 9, 64], mask: mask).way == .pixels)
    }

    /// Nothing to do is an estimate of 0; a way that does not apply has none.
    @Test func freeAndInapplicableWaysAreToldApart() throws {
        func estimates(
            _ conv: Conv2d, active: Bool, exact: Bool = false
        ) throws -> [MaskedConv2dPlan.Way: Double] {
            let input = [2, 9, 13, conv.geometry.inputChannels]
            let output = try conv.plan(for: input).outputShape
            let mask = try MaskPlan(
                bytes: [UInt8](repeating: active ? 1 : 0, count: 2 * output[1] * output[2]),
                batch: 2, size: Size2d(height: output[1], width: output[2]))
            return try conv.geometry.maskedEstimates(
                mask, input: input, exact: exact, clears: true, layer: "test")
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

    @Test func rowsGoOutAndIn() throws {
        let map = try Tensor.random([2, 7, 9, 5]), other = try Tensor.random([2, 7, 9, 5], seed: 2)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 7, width: 9))
            let flags = try mask.flags()
            let rows = try Operations.gather(map, at: mask)
            #expect(try rows.hasBits(of: try SparseTest.rows(map, flags)))
            let merged = try Operations.scatter(rows, at: mask, into: other)
            #expect(try merged.hasBits(of: try SparseTest.select(map, flags, else: other)))
            let cleared = try Operations.replacingInactive(map, of: mask)
            #expect(try cleared.hasBits(of: try SparseTest.select(map, flags)))
        }
        #expect(throws: ProteanError.self) {
            try Operations.gather(map, at: try MaskPattern.all.plan(batch: 1, size: 7))
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
