import Testing

@testable import Protean

/// Masked results against the dense direct convolution, bit for bit.
@Suite struct MaskedConv2dTests {
    static let cases = [
        Conv2dTests.Case(input: [1, 5, 9, 1], outputs: 1),
        Conv2dTests.Case(input: [2, 9, 14, 33], outputs: 70),
        Conv2dTests.Case(input: [2, 7, 11, 3], outputs: 17),
        Conv2dTests.Case(input: [3, 14, 13, 20], outputs: 130, kernel: 1, padding: 0),
        Conv2dTests.Case(input: [2, 9, 7, 6], outputs: 40, kernel: 1, stride: 2, padding: 0),
        Conv2dTests.Case(
            input: [2, 11, 18, 8], outputs: 24, kernel: Size2d(height: 5, width: 3),
            stride: Size2d(height: 2, width: 1),
            padding: .explicit(top: 1, bottom: 0, left: 2, right: 3),
            dilation: Size2d(height: 1, width: 2)),
        Conv2dTests.Case(input: [1, 10, 12, 12], outputs: 20, padding: 2, dilation: 2, groups: 4),
        Conv2dTests.Case(input: [1, 9, 10, 4], outputs: 5, kernel: 4, stride: 3, padding: .same),
        // Weights beyond the second-level cache, in small blocks.
        Conv2dTests.Case(input: [1, 5, 4, 300], outputs: 260),
        // Depthwise.
        Conv2dTests.Case(input: [2, 13, 21, 19], outputs: 19, groups: 19),
        Conv2dTests.Case(
            input: [3, 8, 17, 48], outputs: 48, kernel: 5, stride: 2, padding: 2, groups: 48),
        Conv2dTests.Case(
            input: [1, 9, 30, 5], outputs: 5, kernel: Size2d(height: 2, width: 7),
            stride: Size2d(height: 1, width: 3),
            padding: .explicit(top: 0, bottom: 1, left: 4, right: 2),
            dilation: Size2d(height: 2, width: 1), groups: 5),
        Conv2dTests.Case(input: [1, 3, 2, 33], outputs: 33, kernel: 5, padding: 4, groups: 33),
        // Rows of several words, tiles of four rows and what is left below them.
        Conv2dTests.Case(
            input: [2, 23, 131, 35], outputs: 35,
            padding: .explicit(top: 2, bottom: 0, left: 0, right: 3), groups: 35),
    ]

    @Test(arguments: cases)
    func everyPatternEqualsTheDenseResultBitForBit(_ test: Conv2dTests.Case) throws {
        let x = try Tensor.random(test.input)
        let dense = try test.layer(), layer = try MaskedConv2d(dense, algorithm: .direct)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 1) {
                let whole = try dense(x)
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(
                        batch: x.shape[0], size: SparseTest.size(whole.shape))
                    let flags = try mask.flags()
                    let expected = try SparseTest.select(whole, flags)
                    let compact = try SparseTest.rows(whole, flags)
                    for threads in 1...3 {
                        try Runtime.with(threads: threads) {
                            let what = "\(isa) \(pattern) \(threads)"
                            #expect(try layer(x, mask: mask).hasBits(of: expected), "\(what)")
                            let rows = try layer.rows(x, mask: mask)
                            #expect(try rows.hasBits(of: compact), "\(what) rows")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: cases)
    func compactInputsGiveTheSame(_ test: Conv2dTests.Case) throws {
        let x = try Tensor.random(test.input)
        let dense = try test.layer(), layer = try MaskedConv2d(dense, algorithm: .direct)
        let size = SparseTest.size(try dense.outputShape(for: test.input))
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(batch: x.shape[0], size: size)
                    // All that is read is there.
                    let reach = try mask.dilated(
                        for: dense.geometry, input: SparseTest.size(x.shape))
                    let compact = try SparseTest.rows(x, try reach.flags())
                    let expected = try layer.rows(x, mask: mask)
                    let found = try layer.rows(compact, from: .rows(reach), mask: mask)
                    #expect(try found.hasBits(of: expected), "\(isa) \(pattern)")
                    try expectZerosForInactive(x, dense, layer, mask)
                }
            }
        }
    }

    /// Input pixels that are not active count as zeros, whatever is stored there.
    private func expectZerosForInactive(
        _ x: Tensor, _ dense: Conv2d, _ layer: MaskedConv2d, _ mask: MaskPlan
    ) throws {
        let input = try MaskPattern.cells2.plan(batch: x.shape[0], size: SparseTest.size(x.shape))
        let flags = try input.flags()
        let expected = try SparseTest.select(
            try dense(try SparseTest.select(x, flags)), try mask.flags())
        let junk = try Tensor(repeating: .nan, shape: x.shape)
        let map = try SparseTest.select(x, flags, else: junk)
        #expect(try layer(map, from: .activeMap(input), mask: mask).hasBits(of: expected))
        let rows = try SparseTest.rows(x, flags)
        #expect(try layer(rows, from: .rows(input), mask: mask).hasBits(of: expected))
    }

    @Test(arguments: [cases[1], cases[3], cases[5], cases[9], cases[10]])
    func inactivePixelsAreCopiedKeptOrCleared(_ test: Conv2dTests.Case) throws {
        let x = try Tensor.random(test.input)
        let dense = try test.layer(), layer = try MaskedConv2d(dense, algorithm: .direct)
        let whole = try dense(x)
        let size = SparseTest.size(whole.shape)
        let other = try Tensor.random(whole.shape, seed: 9)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: x.shape[0], size: size, seed: 5)
            let flags = try mask.flags()
            let kept = try SparseTest.select(whole, flags, else: other)
            for threads in 1...2 {
                try Runtime.with(threads: threads) {
                    let copied = try layer(x, mask: mask, inactive: .copy(of: other))
                    #expect(try copied.hasBits(of: kept), "\(pattern)")
                    var y = other
                    try layer.update(&y, with: x, mask: mask)
                    #expect(try y.hasBits(of: kept), "\(pattern)")
                    let last = try MaskPattern.cells2.plan(batch: x.shape[0], size: size)
                    y = other
                    try layer.update(&y, with: x, mask: mask, previous: last)
                    let stays = zip(flags, try last.flags()).map { $0 || !$1 }
                    #expect(try y.hasBits(of: try SparseTest.select(kept, stays)), "\(pattern)")
                }
            }
            #expect(try other.hasBits(of: try Tensor.random(whole.shape, seed: 9)))
        }
    }

    /// Maps beyond the caches, whose tiles fetch what the next one needs.
    static let far = [
        Conv2dTests.Case(input: [2, 151, 190, 3], outputs: 27, kernel: 1, padding: 0),
        Conv2dTests.Case(input: [1, 101, 130, 9], outputs: 20),
    ]

    @Test(arguments: [cases[1], cases[3], cases[6], cases[9], cases[11], cases[13]] + far)
    func epiloguesAreTheDenseOnes(_ test: Conv2dTests.Case) throws {
        let x = try Tensor.random(test.input)
        let conv = try test.layer()
        let shape = try conv.outputShape(for: test.input)
        let residual = try Tensor.random(shape, seed: 3)
        let norm = try BatchNorm2d(channels: shape[3])
        try norm.runningMean.set(Tensor.random([shape[3]], seed: 4))
        let activations: [Activation] = [.relu6, .silu, .leakyReLU(slope: 0.1)]
        for activation in activations {
            let dense = try FusedConv2d(conv, norm, activation)
            let masked = try FusedMaskedConv2d(
                conv, norm, activation, algorithm: .direct)
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 2) {
                    let whole = try dense(x, residual: residual)
                    let mask = try MaskPattern.pixels.plan(
                        batch: x.shape[0], size: SparseTest.size(shape))
                    let flags = try mask.flags()
                    let found = try masked(x, mask: mask, residual: residual)
                    #expect(try found.hasBits(of: try SparseTest.select(whole, flags)))
                    let rows = try masked.rows(
                        x, mask: mask, residual: try SparseTest.rows(residual, flags))
                    #expect(try rows.hasBits(of: try SparseTest.rows(whole, flags)))
                    var y = residual
                    try masked.update(&y, with: x, mask: mask, addsToResult: true)
                    #expect(try y.hasBits(of: try SparseTest.select(whole, flags, else: residual)))
                }
            }
        }
    }

    @Test func whatDoesNotFitIsRefusedByName() throws {
        let layer = try MaskedConv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let x = try Tensor.random([1, 6, 5, 3])
        let mask = try MaskPattern.all.plan(batch: 1, size: Size2d(height: 6, width: 5))
        let small = try MaskPattern.all.plan(batch: 1, size: Size2d(height: 6, width: 4))
        func refused(_ tensor: String, _ body: () throws -> Void) {
            let error = #expect(throws: ProteanError.self) { try body() }
            guard case .shapeMismatch("Conv2d", tensor, _, _) = error else {
                Issue.record("\(tensor): unexpected \(String(describing: error))")
                return
            }
        }
        refused("mask") { _ = try layer(x, mask: small) }
        refused("x") { _ = try layer(try Tensor.random([1, 6, 5, 2]), mask: mask) }
        refused("x") { _ = try layer(x, from: .rows(mask), mask: mask) }
        refused("x") { _ = try layer(x, from: .activeMap(small), mask: mask) }
        refused("inactive") { _ = try layer(x, mask: mask, inactive: .copy(of: x)) }
        refused("y") {
            var y = x
            defer { #expect(y.shape == x.shape && !y.isShapeOnly) }
            try layer.update(&y, with: x, mask: mask)
        }
    }

    @Test func costSaysWhatWasExecuted() throws {
        let layer = try MaskedConv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1, algorithm: .direct)
        let mask = try MaskPattern.rows.plan(batch: 1, size: Size2d(height: 6, width: 5))
        let trace = Trace()
        let y = try trace.recording { try layer(try Tensor(shapeOnly: [1, 6, 5, 3]), mask: mask) }
        #expect(y.isShapeOnly && y.shape == [1, 6, 5, 4])
        #expect(trace.totalCost.multiplyAdds == 30 * 4 * 27)
        #expect(trace.totalCost.executedMultiplyAdds == 10 * 4 * 27)
    }

    @Test func emptyBatchesAndMasksAreLegal() throws {
        let layer = try MaskedConv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let none = try MaskPlan(bytes: [], batch: 0, size: Size2d(height: 6, width: 5))
        #expect(try layer(Tensor(zeros: [0, 6, 5, 3]), mask: none).shape == [0, 6, 5, 4])
        let off = try MaskPattern.none.plan(batch: 2, size: Size2d(height: 6, width: 5))
        let x = try Tensor(repeating: .nan, shape: [2, 6, 5, 3])
        #expect(try layer(x, mask: off).elements.allSatisfy { $0 == 0 })
        #expect(try layer.rows(x, mask: off).shape == [0, 4])
    }
}
