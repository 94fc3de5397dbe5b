import Testing

@testable import Protean

/// Depthwise convolutions around the tiles of the kernel: one or two rows, four or seven columns,
/// one vector of channels.
@Suite struct DepthwiseConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1

        var channels: Int { input[3] }
        var testDescription: String { "\(input) k\(kernel) s\(stride) p\(padding) d\(dilation)" }

        func layer() throws -> Conv2d {
            try Conv2d(
                inputChannels: channels, outputChannels: channels, kernelSize: kernel,
                stride: stride, padding: padding, dilation: dilation, groups: channels, seed: 7)
        }
    }

    /// Every size of kernel, every edge of a tile: the borders of narrow and wide maps, one row and
    /// odd numbers of rows, channels below, at and above the lengths of vectors.
    static let cases = [
        Case(input: [1, 7, 7, 33]),
        Case(input: [2, 5, 14, 16]),
        Case(input: [1, 6, 33, 17]),
        Case(input: [1, 1, 1, 20]),
        Case(input: [3, 9, 5, 7]),
        Case(input: [1, 2, 9, 3]),
        Case(input: [1, 13, 28, 48], kernel: 5, padding: 2),
        Case(input: [1, 4, 7, 40], kernel: 5, padding: 2),
        Case(input: [3, 7, 7, 33], kernel: 7, padding: 3),
        Case(input: [1, 15, 21, 20], kernel: 7, padding: 3),
        Case(input: [1, 2, 2, 24], kernel: 7, padding: 3),
        Case(input: [1, 13, 28, 33], stride: 2),
        Case(input: [1, 14, 15, 18], stride: 2),
        Case(input: [3, 9, 14, 33], kernel: 5, stride: 2, padding: 2),
        Case(input: [1, 15, 56, 20], kernel: 7, stride: 2, padding: 3),
        Case(input: [1, 11, 13, 16], kernel: 7, stride: 2, padding: 3),
        // Other paddings.
        Case(input: [1, 9, 16, 17], padding: .valid),
        Case(input: [1, 9, 10, 19], stride: 2, padding: .same),
        Case(
            input: [1, 6, 8, 32], kernel: 5,
            padding: .explicit(top: 4, bottom: 1, left: 1, right: 6)),
        // Dilated: several interleaved images.
        Case(input: [1, 13, 20, 33], padding: 2, dilation: 2),
        Case(
            input: [2, 7, 16, 20], kernel: 5, padding: .symmetric(height: 3, width: 5),
            dilation: Size2d(height: 3, width: 2)),
        Case(input: [1, 9, 11, 18], stride: 2, padding: 2, dilation: 2),
        Case(input: [1, 12, 13, 17], stride: 2, padding: 3, dilation: 3),
        Case(input: [1, 10, 13, 16], stride: 2, padding: 4, dilation: 4),
        Case(input: [1, 3, 4, 20], padding: 30, dilation: 30),
        // Without tiles of their own.
        Case(input: [1, 9, 21, 33], kernel: Size2d(height: 1, width: 3)),
        Case(input: [1, 9, 18, 17], kernel: 4, stride: 3, padding: 2, dilation: 2),
        Case(
            input: [1, 9, 18, 20], kernel: 3, stride: Size2d(height: 1, width: 2),
            padding: .explicit(top: 0, bottom: 3, left: 2, right: 0)),
        // Large enough to be shared among threads, by rows, by channels, by samples.
        Case(input: [1, 21, 27, 80], kernel: 5, padding: 2),
        Case(input: [1, 2, 3, 6000], kernel: 5, padding: 2),
        Case(input: [3, 11, 12, 50], kernel: 7, padding: 3),
    ]

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        let layer = try test.layer()
        #expect(try layer.plan(for: test.input).algorithm == .depthwise)
        try Conv2dAgreement(layer, input: test.input).expectEverywhere()
    }

    @Test func severalThreadsReallyShareTheLargeCases() throws {
        for (test, isa) in Self.cases.suffix(3).flatMap({ test in
            KernelISA.supported.map { (test, $0) }
        }) {
            let plan = try Runtime.with(isa: isa, threads: 3) {
                try test.layer().plan(for: test.input)
            }
            #expect(plan.threads > 1, "\(test) \(isa)")
        }
    }

    /// Maps beyond the caches are fetched ahead; one image alone is not.
    @Test(arguments: [
        Case(input: [4, 101, 109, 80]), Case(input: [4, 101, 109, 80], stride: 2),
        Case(
            input: [4, 101, 109, 80], kernel: 5,
            padding: .explicit(top: 3, bottom: 0, left: 4, right: 1)),
        Case(input: [4, 101, 109, 80], kernel: Size2d(height: 4, width: 3)),
    ])
    func imagesOfALargeBatchEqualEachAlone(_ test: Case) throws {
        let x = try Tensor.random(test.input), layer = try test.layer()
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let together = try layer(x)
                for i in 0..<test.input[0] {
                    #expect(try together.sample(i).isBitEqual(to: layer(x.sample(i))), "\(isa)")
                }
            }
        }
    }

    @Test func anEmptyBatchGivesAnEmptyResult() throws {
        let test = Case(input: [0, 7, 9, 17])
        #expect(try test.layer()(Tensor(zeros: test.input)).shape == [0, 7, 9, 17])
    }

    @Test(arguments: [cases[0], cases[5], cases[9], cases[13], cases[19], cases[26], cases[30]])
    func epiloguesAgreeWithTheirFormula(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectEpilogues()
    }

    @Test(arguments: [cases[0], cases[5], cases[9], cases[13], cases[19], cases[26], cases[30]])
    func factorsAgreeWithTheirFormula(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectFactors()
    }

    /// Taps in the padding are skipped: an infinite weight makes no NaN of the zero that is not there.
    @Test(arguments: [
        (kernel: 3, stride: 1), (kernel: 5, stride: 1), (kernel: 7, stride: 1),
        (kernel: 3, stride: 2), (kernel: 5, stride: 2), (kernel: 7, stride: 2),
    ])
    func whatIsNotFiniteStaysInItsReceptiveField(kernel: Int, stride: Int) throws {
        let channels = 33, height = 9, width = 15, at = (y: 4, x: 6)
        let layer = try Conv2d(
            inputChannels: channels, outputChannels: channels, kernelSize: Size2d(kernel),
            stride: Size2d(stride), padding: .symmetric(height: kernel / 2, width: kernel / 2),
            groups: channels, seed: 2)
        var weights = layer.weight.value
        // Channel 1: the first tap of each filter.
        try weights.withUnsafeMutableBufferPointer { $0[kernel * kernel] = .infinity }
        try layer.weight.set(weights)
        var x = try Initializer.uniform([1, height, width, channels], in: 0.5...1, seed: 3)
        try x.withUnsafeMutableBufferPointer { $0[(at.y * width + at.x) * channels] = .nan }
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try layer(x) }
            let columns = y.shape[2], border = kernel / 2
            let wrong = y.elements.enumerated().filter { i, value in
                let oy = i / channels / columns * stride, ox = i / channels % columns * stride
                switch i % channels {
                case 0:
                    return value.isNaN != (abs(oy - at.y) <= border && abs(ox - at.x) <= border)
                case 1: return value.isFinite != (oy < border || ox < border)
                default: return !value.isFinite
                }
            }
            #expect(wrong.isEmpty, "\(isa): \(wrong.count) outputs")
        }
    }
}
