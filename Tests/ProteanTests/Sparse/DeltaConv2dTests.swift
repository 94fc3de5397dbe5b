import Testing

@testable import Protean

@Suite struct DeltaConv2dTests {
    /// A video: a few pixels change from frame to frame, sometimes none, sometimes all.
    static func frames(_ shape: [Int], count: Int = 6) throws -> [Tensor] {
        var frame = try Tensor.random(shape)
        var frames = [frame]
        for index in 1..<count {
            let patterns: [MaskPattern] = [.one, .cells4, .none, .all, .pixels]
            let flags = try patterns[index % 5].plan(
                batch: shape[0], size: SparseTest.size(shape), seed: UInt64(index)
            ).flags()
            frame = try SparseTest.select(
                try .random(shape, seed: UInt64(100 + index)), flags, else: frame)
            frames.append(frame)
        }
        return frames
    }

    struct Case: Sendable {
        var input: [Int]
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1
        var groups = 1
        var outputs = 12
    }

    static let cases = [
        Case(input: [2, 9, 13, 6]),
        Case(input: [3, 11, 8, 4], kernel: Size2d(height: 5, width: 3), stride: 2, padding: 2),
        Case(
            input: [1, 12, 70, 3], kernel: Size2d(height: 2, width: 3),
            stride: Size2d(height: 1, width: 3),
            padding: .explicit(top: 1, bottom: 0, left: 2, right: 1),
            dilation: Size2d(height: 2, width: 1)),
        Case(input: [2, 8, 9, 12], groups: 12),
        Case(input: [1, 7, 9, 5], kernel: 1, padding: 0),
        Case(input: [0, 7, 9, 5]),
    ]

    @Test(arguments: cases.indices)
    func everyFrameEqualsTheDenseLayerBitForBit(_ index: Int) throws {
        let test = Self.cases[index]
        let conv = try Conv2d(
            inputChannels: test.input[3], outputChannels: test.outputs, kernelSize: test.kernel,
            stride: test.stride, padding: test.padding, dilation: test.dilation,
            groups: test.groups, algorithm: .direct)
        let norm = try BatchNorm2d(channels: test.outputs)
        let layer = try DeltaConv2d(conv, batchNorm: norm, activation: .silu)
        try layer.randomise()
        let dense = try FusedConv2d(conv, norm, .silu)
        let frames = try Self.frames(test.input)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                var state = DeltaState()
                for (time, frame) in frames.enumerated() {
                    let found = try layer(frame, state: &state)
                    #expect(
                        try found.hasBits(of: dense(frame)), "\(isa) \(threads) frame \(time)")
                }
            }
        }
    }

    @Test(arguments: cases.indices)
    func affectedOutputsAreThoseThatReadAChange(_ index: Int) throws {
        let test = Self.cases[index]
        let geometry = try Conv2d(
            inputChannels: test.input[3], outputChannels: test.outputs, kernelSize: test.kernel,
            stride: test.stride, padding: test.padding, dilation: test.dilation,
            groups: test.groups
        ).geometry
        let size = SparseTest.size(test.input)
        for pattern in MaskPattern.allCases {
            let changed = try pattern.plan(batch: test.input[0], size: size)
            let outputs = try changed.affected(by: geometry)
            // An output is affected when what it reads meets the changes.
            let flags = try outputs.flags()
            let inputs = try changed.flags(), image = size.height * size.width
            var (top, left) = (0, 0)
            if case .explicit(let above, _, let before, _) = geometry.padding {
                (top, left) = (above, before)
            }
            let expected = flags.indices.map { place -> Bool in
                let area = outputs.size.height * outputs.size.width
                let (sample, oy, ox) = (
                    place / area, place / outputs.size.width % outputs.size.height,
                    place % outputs.size.width
                )
                for i in 0..<test.kernel.height {
                    for j in 0..<test.kernel.width {
                        let y = oy * test.stride.height + i * test.dilation.height - top
                        let x = ox * test.stride.width + j * test.dilation.width - left
                        guard (0..<size.height).contains(y), (0..<size.width).contains(x) else {
                            continue
                        }
                        if inputs[sample * image + y * size.width + x] { return true }
                    }
                }
                return false
            }
            #expect(flags == expected, "\(pattern)")
        }
    }

    @Test(arguments: PixelNorm.allCases)
    func smallChangesAddUpAndNothingDrifts(_ norm: PixelNorm) throws {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: 8, kernelSize: 3, padding: 1, algorithm: .direct)
        let layer = try DeltaConv2d(conv, norm: norm, epsilon: 0.1)
        let start = try Tensor.random([2, 6, 7, 3]),
            slope = try Tensor.random([2, 6, 7, 3], seed: 9)
        var state = DeltaState()
        var kept: [Float] = []
        var skipped = 0
        for time in 0..<40 {
            let factor = try Tensor([0.03 * Float(time)], shape: [1])
            let frame = try Operations.add(start, Operations.multiply(slope, factor))
            let values = frame.elements
            if time == 0 { kept = values }
            for pixel in 0..<84 {
                let change = (0..<3).map {
                    abs(Double(values[3 * pixel + $0] - kept[3 * pixel + $0]))
                }
                let size: Double =
                    switch norm {
                    case .l1: change.reduce(0, +)
                    case .l2: change.reduce(0) { $0 + $1 * $1 }.squareRoot()
                    case .maximum: change.max()!
                    }
                if Float(size) > 0.1 {
                    kept.replaceSubrange(
                        3 * pixel..<3 * pixel + 3, with: values[3 * pixel..<3 * pixel + 3])
                } else if size > 0 {
                    skipped += 1
                }
            }
            let found = try layer(frame, state: &state)
            let expected = try conv(try Tensor(kept, shape: frame.shape))
            #expect(try found.hasBits(of: expected), "frame \(time)")
        }
        #expect(skipped > 100)
    }

    @Test func streamsAreIndependentAndCopiesToo() throws {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: 8, kernelSize: 3, padding: 1, algorithm: .direct)
        let layer = try DeltaConv2d(conv)
        let a = try Self.frames([1, 6, 7, 3]), b = try Self.frames([2, 5, 4, 3])
        var first = DeltaState(), second = DeltaState()
        var results: [Tensor] = []
        for time in a.indices {
            let fork = first
            results.append(try layer(a[time], state: &first))
            #expect(try layer(b[time], state: &second).hasBits(of: conv(b[time])))
            if time > 1 {
                var copy = fork
                #expect(try layer(a[0], state: &copy).hasBits(of: conv(a[0])))
            }
        }
        // Results that the caller kept are not written again.
        for (result, frame) in zip(results, a) { #expect(try result.hasBits(of: conv(frame))) }
    }

    @Test func costsSayWhatWasExecuted() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let layer = try DeltaConv2d(conv)
        var frame = try Tensor.random([1, 9, 8, 3])
        var state = DeltaState()
        func executed() throws -> (Int, Int) {
            let trace = Trace()
            _ = try trace.recording { try layer(frame, state: &state) }
            let cost = trace.totalCost
            return (cost.executedMultiplyAdds, cost.multiplyAdds)
        }
        let full = 72 * 4 * 27
        #expect(try executed() == (full, full))
        #expect(try executed() == (0, full) && state.computed?.count == 0)
        try frame.withUnsafeMutableBufferPointer { $0[3 * 20] += 1 }
        #expect(try executed() == (9 * 4 * 27, full) && state.computed?.count == 9)
        try conv.bias?.set(Tensor(repeating: 1, shape: [4]))
        #expect(try executed() == (full, full))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        #expect(throws: ProteanError.self) { try DeltaConv2d(conv, epsilon: -1) }
        #expect(throws: ProteanError.self) { try DeltaConv2d(conv, epsilon: .nan) }
        let layer = try DeltaConv2d(conv)
        var state = DeltaState()
        #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [1, 5, 5, 4]), state: &state)
        }
        #expect(throws: ProteanError.self) {
            try layer(Tensor(shapeOnly: [1, 5, 5, 3]), state: &state)
        }
        #expect(state.isEmpty)
        _ = try layer(Tensor(zeros: [1, 5, 5, 3]), state: &state)
        let error = #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [1, 5, 6, 3]), state: &state)
        }
        guard case .shapeMismatch("DeltaConv2d", "x", _, [1, 5, 6, 3]) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(throws: ProteanError.self) { try DeltaSequential([]) }
        #expect(throws: ProteanError.self) { try DeltaSequential([MaxPool2d(kernelSize: 2)]) }
    }
}
