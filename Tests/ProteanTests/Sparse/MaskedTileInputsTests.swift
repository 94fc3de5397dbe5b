import Testing

@testable import Protean

/// Winograd's algorithm on active tiles of inputs of which only some pixels count, against the whole map
/// with the other pixels replaced.
@Suite struct MaskedTileInputsTests {
    private static let forms = [Conv2dPlan.Algorithm.winograd4x4, .winograd6x6]

    private static func conv(
        _ inputs: Int, _ algorithm: Conv2dPlan.Algorithm
    ) throws -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: 21, kernelSize: 3,
            padding: .explicit(top: 1, bottom: 2, left: 2, right: 5),
            algorithm: #require(Conv2dAlgorithm(rawValue: algorithm.rawValue)), seed: 3)
    }

    /// Every pair of masks of inputs and outputs of these sizes.
    private static func forAllMasks(
        _ inputs: [Int], _ outputs: [Int], _ body: (MaskPlan, MaskPlan) throws -> Void
    ) throws {
        for pattern in MaskPattern.allCases {
            let known = try pattern.plan(batch: inputs[0], size: SparseTest.size(inputs))
            for other in MaskPattern.allCases {
                try body(
                    known, try other.plan(batch: outputs[0], size: SparseTest.size(outputs)))
            }
        }
    }

    @Test(arguments: [[2, 9, 67, 20], [1, 7, 5, 35], [3, 14, 11, 4]], forms)
    func otherPixelsAreZeros(_ shape: [Int], _ algorithm: Conv2dPlan.Algorithm) throws {
        let conv = try Self.conv(shape[3], algorithm), x = try Tensor.random(shape)
        let outputs = try conv(x).shape
        for isa in KernelISA.supported {
            // Guarded, a map with zeros is judged by other outputs than the active ones.
            try Runtime.with(isa: isa, exactness: .fast) {
                let weights = try MaskedWaysTests.packed(conv, algorithm)
                try Self.forAllMasks(shape, outputs) { known, mask in
                    let masked = try SparseTest.select(x, try known.flags())
                    let whole = try conv(masked)
                    let expected = try SparseTest.select(whole, try mask.flags())
                    let inputs = try SparseTest.rows(x, try known.flags())
                    let rows = try SparseTest.rows(whole, try mask.flags())
                    for threads in 1...3 {
                        try Runtime.with(threads: threads) {
                            let map = try Operations.maskedConv2d(
                                x, from: .activeMap(known), weights, outputs: mask, layer: "test")
                            #expect(try map.hasBits(of: expected), "\(isa) \(threads)")
                            let compact = try Operations.maskedConv2dRows(
                                inputs, from: .rows(known), weights, outputs: mask, layer: "test")
                            #expect(try compact.hasBits(of: rows), "\(isa) \(threads)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [1, 5, 16, 20, 32, 35], forms)
    func otherPixelsHaveSomeChannels(_ some: Int, _ algorithm: Conv2dPlan.Algorithm) throws {
        let shape = [2, 9, 13, 35], x = try Tensor.random(shape)
        let rest = try Tensor.random([2, 9, 13, some], seed: 8)
        let padded = try Operations.pad(rest, channelsAfter: 35 - some)
        let conv = try Self.conv(35, algorithm), outputs = try conv(x).shape
        for isa in KernelISA.supported {
            // Guarded, a map with zeros is judged by other outputs than the active ones.
            try Runtime.with(isa: isa, exactness: .fast) {
                let weights = try MaskedWaysTests.packed(conv, algorithm)
                try Self.forAllMasks(shape, outputs) { known, mask in
                    let whole = try conv(try SparseTest.select(x, known.flags(), else: padded))
                    let expected = try SparseTest.select(whole, try mask.flags())
                    for threads in 1...2 {
                        let found = try Runtime.with(threads: threads) {
                            try Operations.maskedConv2d(
                                x, from: .activeMap(known), rest: rest, weights, outputs: mask,
                                layer: "test")
                        }
                        #expect(try found.hasBits(of: expected), "\(isa) \(threads)")
                    }
                }
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let x = try Tensor.random([1, 8, 9, 6]), size = Size2d(height: 8, width: 9)
        let mask = try MaskPattern.cells2.plan(batch: 1, size: size)
        let conv = try Conv2d(inputChannels: 6, outputChannels: 4, kernelSize: 3, padding: 1)
        let tiles = try MaskedWaysTests.packed(conv, .winograd4x4)
        func run(_ input: MaskedInput, _ rest: [Int], _ packed: PackedConv2d) throws {
            _ = try Operations.maskedConv2d(
                x, from: input, rest: try Tensor(zeros: rest), packed, outputs: mask,
                layer: "test")
        }
        try run(.activeMap(mask), [1, 8, 9, 2], tiles)
        for rest in [[1, 8, 9, 7], [1, 9, 8, 2], [8, 9, 2]] {
            #expect(throws: ProteanError.self) { try run(.activeMap(mask), rest, tiles) }
        }
        #expect(throws: ProteanError.self) { try run(.map, [1, 8, 9, 2], tiles) }
        // The defining sums read each pixel's channels in one place.
        let sums = try MaskedWaysTests.packed(conv, .direct)
        #expect(throws: ProteanError.self) { try run(.activeMap(mask), [1, 8, 9, 2], sums) }
    }

    @Test func theChoiceCountsTilesOfRows() throws {
        let conv = try Conv2d(inputChannels: 64, outputChannels: 64, kernelSize: 3, padding: 1)
        let layer = try FusedMaskedConv2d(conv), shape = [1, 64, 64, 64]
        let size = Size2d(height: 64, width: 64)
        let full = try MaskPlan(bytes: (0..<4096).map { $0 < 3000 ? 1 : 0 }, size: size)
        let rare = try MaskPlan(bytes: (0..<4096).map { $0 % 97 == 0 ? 1 : 0 }, size: size)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let many = try layer.plan(for: shape, from: .rows(full), mask: full)
                #expect(many.way == .tiles4x4 || many.way == .tiles6x6, "\(isa)")
                let few = try layer.plan(for: shape, from: .rows(rare), mask: rare)
                #expect(few.way == .pixels, "\(isa)")
            }
        }
        let x = try Tensor.random(shape)
        let rows = try Operations.gather(x, at: full)
        let found = try layer.rows(rows, from: .rows(full), mask: full)
        let whole = try conv(try SparseTest.select(x, try full.flags()))
        let expected = try Operations.gather(whole, at: full)
        #expect(try found.maximumDifference(from: expected) < 1e-4)
        let dense = try FusedMaskedConv2d(conv, algorithm: .dense)
        #expect(throws: ProteanError.self) {
            try dense.plan(for: shape, from: .rows(full), mask: full)
        }
    }
}
