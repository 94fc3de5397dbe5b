import CProteanKernels
import CReference
import Testing

@testable import Protean

@Suite struct DeformableConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1
        var groups = 1
        var offsetGroups = 1
        var modulated = true
        var sigma: Float = 2

        var testDescription: String {
            "\(input)->\(outputs) k\(kernel) s\(stride) p\(padding) d\(dilation) g\(groups) "
                + "og\(offsetGroups)\(modulated ? " mask" : "") sigma \(sigma)"
        }

        func layer() throws -> DeformableConv2d {
            try DeformableConv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, dilation: dilation, groups: groups, seed: 7)
        }

        func plain() throws -> Conv2d {
            try Conv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, dilation: dilation, groups: groups,
                algorithm: .direct, seed: 7)
        }

        var taps: Int { kernel.height * kernel.width }

        /// Output height and width.
        func map() throws -> [Int] { Array(try plain().outputShape(for: input)[1...2]) }

        func offset() throws -> Tensor {
            let shape = [input[0]] + (try map()) + [offsetGroups * 2 * taps]
            return try Initializer.uniform(shape, in: -sigma...sigma, seed: 5)
        }

        func mask() throws -> Tensor? {
            guard modulated else { return nil }
            let shape = [input[0]] + (try map()) + [offsetGroups * taps]
            return try Initializer.uniform(shape, in: 0...2, seed: 6)
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1], outputs: 1),
        Case(input: [1, 7, 4, 3], outputs: 17, modulated: false),
        Case(input: [3, 9, 6, 17], outputs: 33, kernel: Size2d(height: 3, width: 2), sigma: 0.5),
        Case(
            input: [2, 11, 8, 8], outputs: 96, kernel: Size2d(height: 5, width: 3),
            stride: Size2d(height: 2, width: 1),
            padding: .explicit(top: 1, bottom: 0, left: 2, right: 3),
            dilation: Size2d(height: 1, width: 2), offsetGroups: 2),
        Case(input: [1, 14, 13, 20], outputs: 130, kernel: 1, padding: 0, offsetGroups: 4),
        Case(input: [1, 10, 12, 12], outputs: 20, padding: 2, dilation: 2, groups: 4),
        Case(input: [2, 6, 5, 12], outputs: 12, groups: 3, offsetGroups: 2, sigma: 30),
        Case(input: [1, 8, 9, 32], outputs: 64, groups: 2, offsetGroups: 4, modulated: false),
        Case(input: [1, 15, 10, 3], outputs: 64, kernel: 7, stride: 2, padding: 3),
        Case(input: [1, 3, 4, 260], outputs: 65),
        Case(input: [1, 20, 31, 5], outputs: 70, kernel: 2, padding: 5, sigma: 8),
        // Groups narrower than a vector: as many outputs as inputs, fewer, more; windows that move with
        // the channel; several parts of the channels, cut across groups of offsets.
        Case(input: [2, 9, 7, 48], outputs: 48, groups: 6, offsetGroups: 3),
        Case(input: [1, 6, 17, 42], outputs: 63, stride: 2, groups: 21, offsetGroups: 2),
        Case(input: [1, 7, 5, 40], outputs: 12, groups: 4, modulated: false),
        Case(input: [1, 5, 8, 56], outputs: 32, kernel: 2, groups: 4, offsetGroups: 7),
        Case(input: [1, 4, 9, 256], outputs: 256, groups: 32, offsetGroups: 2),
        Case(input: [1, 3, 16, 300], outputs: 100, kernel: 5, padding: 2, groups: 50),
        Case(input: [1, 4, 5, 2600], outputs: 32, groups: 2),
        // Depthwise.
        Case(input: [2, 13, 21, 19], outputs: 19, groups: 19),
        Case(input: [3, 8, 7, 48], outputs: 48, kernel: 5, stride: 2, padding: 2, groups: 48),
        Case(input: [1, 9, 6, 66], outputs: 66, groups: 66, offsetGroups: 3, modulated: false),
        Case(input: [1, 3, 2, 33], outputs: 33, kernel: 5, padding: 4, dilation: 2, groups: 33),
    ]

    /// Sums and sums of absolute values in double precision.
    static func reference(
        _ test: Case, x: Tensor, offset: Tensor, mask: Tensor?, weight: Tensor
    ) throws -> (sums: [Double], magnitudes: [Double]) {
        let shape = try test.layer().geometry.kernelShape(for: x.shape, layer: "reference")
        let map = try test.map()
        var p = reference_conv2d(
            n: x.shape[0], h: x.shape[1], w: x.shape[2], c: x.shape[3], k: test.outputs,
            kh: test.kernel.height, kw: test.kernel.width, sh: test.stride.height,
            sw: test.stride.width, dh: test.dilation.height, dw: test.dilation.width,
            top: Int(shape.pad_top), left: Int(shape.pad_left), oh: map[0], ow: map[1],
            groups: test.groups)
        let count = x.shape[0] * map[0] * map[1] * test.outputs
        var sums = [Double](repeating: 0, count: count), magnitudes = sums
        reference_deform_conv2d(
            &p, test.offsetGroups, x.elements, offset.elements, mask?.elements, weight.elements,
            &sums, &magnitudes)
        return (sums, magnitudes)
    }

    /// The largest error in units of Σ|x·w|·2⁻²⁴; infinite when NaN stands in different places.
    static func worstError(
        _ y: Tensor, _ exact: (sums: [Double], magnitudes: [Double]), bias: [Double]
    ) -> Double {
        var worst = 0.0
        for (i, value) in y.elements.enumerated() {
            let sum = exact.sums[i] + bias[i % bias.count]
            if sum.isNaN && value.isNaN { continue }
            let error = abs(Double(value) - sum) / (exact.magnitudes[i] + abs(sum) + 1e-3) * 0x1p24
            worst = max(worst, error.isNaN ? .infinity : error)
        }
        return worst
    }

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        let x = try Tensor.random(test.input)
        try expectAgreement(test, x: x, offset: try test.offset(), mask: try test.mask())
    }

    private func expectAgreement(_ test: Case, x: Tensor, offset: Tensor, mask: Tensor?) throws {
        let layer = try test.layer()
        let exact = try Self.reference(
            test, x: x, offset: offset, mask: mask, weight: layer.weight.value)
        let bias = layer.bias!.value.elements.map(Double.init)
        try MapTest.everywhere {
            try layer(x, offset: offset, mask: mask)
        } check: { isa, y in
            let worst = Self.worstError(y, exact, bias: bias)
            // Errors of samples, then of sums: a random walk at most as long as the sum.
            let limit = 8 + 2 * Double(layer.geometry.fanIn).squareRoot()
            #expect(worst < limit, "\(isa): \(worst) units, limit \(limit)")
        }
    }

    /// Large enough to be shared among threads, with few pixels and with many.
    @Test(arguments: [
        Case(input: [1, 5, 6, 200], outputs: 190), Case(input: [2, 33, 29, 24], outputs: 40),
        Case(input: [1, 40, 41, 50], outputs: 50, groups: 50, offsetGroups: 5),
        Case(input: [2, 33, 29, 64], outputs: 64, groups: 16),
    ])
    func threadsDoNotChangeBits(_ test: Case) throws {
        let x = try Tensor.random(test.input)
        let layer = try test.layer()
        let offset = try test.offset(), mask = try test.mask()
        try MapTest.everywhere {
            try layer(x, offset: offset, mask: mask)
        } check: { isa, y in
            #expect(y.elements.allSatisfy { $0.isFinite }, "\(isa)")
        }
    }

    /// Infinite, huge and undefined displacements, and positions exactly on the edges.
    @Test(arguments: [cases[0], cases[3], cases[6], cases[11], cases[18], cases[20]])
    func hostileDisplacementsAreDefined(_ test: Case) throws {
        let hostile: [Float] = [
            .nan, .infinity, -Float.infinity, 1e30, -1e30, 2_147_483_648, -2_147_483_648,
            .greatestFiniteMagnitude, -1, 1, 0.5, -0.0, .leastNonzeroMagnitude,
        ]
        var values = try test.offset().elements
        for i in stride(from: 0, to: values.count, by: 7) {
            values[i] = hostile[(i / 7) % hostile.count]
        }
        let offset = try Tensor(values, shape: try test.offset().shape)
        let x = try Tensor.random(test.input)
        try expectAgreement(test, x: x, offset: offset, mask: try test.mask())
    }

    @Test func everySampleOutsideIsZero() throws {
        let layer = try Case(input: [1, 4, 5, 3], outputs: 2).layer()
        let x = try Tensor(repeating: Float.infinity, shape: [1, 4, 5, 3])
        for far: Float in [.infinity, -Float.infinity, 1e30, -1e30, 6, -6] {
            let offset = try Tensor(repeating: far, shape: [1, 4, 5, 18])
            let y = try layer(x, offset: offset).elements
            let bias = layer.bias!.value.elements
            #expect(y == (0..<20).flatMap { _ in bias }, "\(far)")
        }
    }

    @Test(arguments: cases)
    func zeroOffsetsAreAnOrdinaryConvolution(_ test: Case) throws {
        let x = try Tensor.random(test.input)
        let offset = try Tensor(zeros: try test.offset().shape)
        let ones = try Tensor(
            repeating: 1, shape: offset.shape.dropLast() + [test.offsetGroups * test.taps])
        for runtime in allRuntimes {
            try Runtime.with(isa: runtime.isa, threads: runtime.threads) {
                let plain = try test.plain()(x), layer = try test.layer()
                let results = [
                    try layer(x, offset: offset), try layer(x, offset: offset, mask: ones),
                ]
                for y in results {
                    // With several groups an ordinary convolution may add in another order.
                    if test.groups == 1 && test.input[3] > 1 {
                        #expect(y.elements == plain.elements, "\(runtime)")
                    }
                    MapTest.expect(
                        y, shape: plain.shape, plain.elements.map(Double.init), tolerance: 1e-5)
                }
            }
        }
    }

    @Test func epilogueIsApplied() throws {
        for test in [Self.cases[3], Self.cases[11], Self.cases[13], Self.cases[18]] {
            let x = try Tensor.random(test.input), layer = try test.layer()
            let offset = try test.offset(), mask = try test.mask()
            let plain = try layer(x, offset: offset, mask: mask)
            let residual = try Tensor.random(plain.shape, seed: 3)
            for (activation, f) in [
                (Activation.relu, { (v: Float) in max(v, 0) }),
                (.leakyReLU(slope: 0.5), { $0 > 0 ? $0 : 0.5 * $0 }),
            ] as [(Activation, (Float) -> Float)] {
                let y = try layer(
                    x, offset: offset, mask: mask,
                    epilogue: Conv2dEpilogue(activation: activation, residual: residual))
                let expected = zip(plain.elements, residual.elements).map { f($0 + $1) }
                #expect(y.elements == expected)
                let last = try layer(
                    x, offset: offset, mask: mask,
                    epilogue: Conv2dEpilogue(
                        activation: activation, residual: residual, residualAfterActivation: true,
                        factor: residual))
                let products = zip(plain.elements, residual.elements).map { f($0) * $1 + $1 }
                #expect(last.elements == products)
            }
        }
    }

    @Test func emptyBatchGivesEmptyResult() throws {
        let layer = try Case(input: [0, 4, 6, 3], outputs: 5).layer()
        let offset = try Tensor(zeros: [0, 4, 6, 18])
        #expect(try layer(Tensor(zeros: [0, 4, 6, 3]), offset: offset).shape == [0, 4, 6, 5])
    }

    @Test func shapesPassWithoutValues() throws {
        let layer = try Case(input: [2, 4, 6, 3], outputs: 5).layer()
        let y = try layer(
            Tensor(shapeOnly: [2, 4, 6, 3]), offset: Tensor(shapeOnly: [2, 4, 6, 18]))
        #expect(y.isShapeOnly && y.shape == [2, 4, 6, 5])
    }

    @Test(
        arguments: [
            ([1, 4, 6, 17], nil, "offset"), ([1, 4, 6, 36], nil, "offset"),
            ([1, 4, 5, 18], nil, "offset"),
            ([4, 6, 18], nil, "offset"), ([1, 4, 6, 0], nil, "offset"),
            ([1, 4, 6, 18], [1, 4, 6, 8], "mask"), ([1, 4, 6, 18], [1, 4, 6, 18], "mask"),
        ] as [([Int], [Int]?, String)])
    func wrongShapesAreRefused(offset: [Int], mask: [Int]?, tensor: String) throws {
        let layer = try Case(input: [1, 4, 6, 3], outputs: 5).layer()
        let x = try Tensor(zeros: [1, 4, 6, 3])
        let offset = try Tensor(zeros: offset), mask = try mask.map { try Tensor(zeros: $0) }
        let error = #expect(throws: ProteanError.self) { try layer(x, offset: offset, mask: mask) }
        guard case .shapeMismatch(_, tensor, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// As the header states it.
    @Test func scratchIsBoundedWhateverTheImage() throws {
        for (side, channels, weightGroups) in [
            (8, 64, 1), (8, 1024, 1), (200, 256, 1), (3000, 256, 1), (3000, 256, 32),
            (8, 1024, 64), (8, 1024, 1024),
        ] {
            var shape = ptn_deform_conv2d_shape()
            shape.conv = try DeformableConv2d(
                inputChannels: channels, outputChannels: channels, kernelSize: 3, padding: 1,
                groups: weightGroups
            ).geometry.kernelShape(for: [1, side, side, channels], layer: "test")
            for groups in [1, 4] {
                shape.offset_groups = groups
                for isa in KernelISA.supported {
                    var plan = ptn_deform_conv2d_plan()
                    var runtime = ptn_runtime(isa: isa.kernelValue, threads: 1)
                    #expect(ptn_deform_conv2d_plan_for(&runtime, &shape, &plan) == PTN_OK)
                    #expect(plan.scratch_bytes < 3 << 19, "\(side), \(channels), \(groups)")
                }
            }
        }
    }
}
