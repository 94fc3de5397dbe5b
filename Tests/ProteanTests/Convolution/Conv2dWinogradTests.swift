import Testing

@testable import Protean

/// Winograd's F(4 × 4, 3 × 3) and F(6 × 6, 3 × 3), forced on shapes around their tiles.
@Suite struct Conv2dWinogradTests {
    static let shapes: [(input: [Int], outputs: Int, padding: Padding2d)] = [
        ([1, 4, 4, 16], 16, 1), ([1, 3, 3, 1], 2, 1), ([2, 5, 9, 3], 17, 1),
        ([3, 13, 6, 33], 70, 1), ([1, 14, 15, 40], 130, .valid),
        ([1, 7, 11, 64], 64, .explicit(top: 2, bottom: 0, left: 0, right: 3)),
        ([1, 9, 10, 20], 48, .same), ([1, 30, 29, 17], 96, 1), ([2, 3, 17, 130], 10, 0),
        ([1, 6, 5, 300], 65, 4),
        // Weights that call for one plane after the other, in one block and in several.
        ([2, 25, 22, 190], 180, 1), ([1, 29, 31, 200], 210, 1),
    ]
    static let forms: [(choice: Conv2dAlgorithm, algorithm: Conv2dPlan.Algorithm)] = [
        (.winograd4x4, .winograd4x4), (.winograd6x6, .winograd6x6),
    ]

    static func layer(
        _ input: [Int], _ outputs: Int, _ padding: Padding2d, _ algorithm: Conv2dAlgorithm,
        dilation: Size2d = 1
    ) throws -> Conv2d {
        try Conv2d(
            inputChannels: input[3], outputChannels: outputs, kernelSize: 3, padding: padding,
            dilation: dilation, algorithm: algorithm, seed: 5)
    }

    @Test(arguments: shapes)
    func agreesWithDoubleLoopsEverywhere(
        input: [Int], outputs: Int, padding: Padding2d
    ) throws {
        for form in Self.forms {
            let layer = try Self.layer(input, outputs, padding, form.choice)
            try Self.check(layer, on: input, runs: form.algorithm)
        }
    }

    /// A dilated image is taken as several interleaved ones, some of them smaller than others.
    @Test(arguments: [
        ([1, 13, 10, 20], 33, Size2d(2)), ([2, 9, 25, 7], 18, Size2d(height: 3, width: 2)),
        ([1, 5, 12, 16], 16, Size2d(height: 1, width: 7)), ([1, 20, 20, 64], 64, Size2d(4)),
    ])
    func agreesWithDoubleLoopsWhenDilated(
        input: [Int], outputs: Int, dilation: Size2d
    ) throws {
        for form in Self.forms {
            let padding = Padding2d.symmetric(height: dilation.height, width: dilation.width)
            let layer = try Self.layer(
                input, outputs, padding, form.choice, dilation: dilation)
            try Self.check(layer, on: input, runs: form.algorithm)
        }
    }

    /// Maps beyond the caches are fetched ahead; one image alone is not.
    @Test(arguments: [Size2d(1), Size2d(height: 2, width: 3)])
    func imagesOfALargeBatchEqualEachAlone(dilation: Size2d) throws {
        let input = [4, 61, 67, 48]
        let padding = Padding2d.symmetric(height: dilation.height, width: dilation.width)
        let x = try Tensor.random(input)
        for form in Self.forms {
            let layer = try Self.layer(input, 65, padding, form.choice, dilation: dilation)
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 2) {
                    let shape = try layer(x).shape
                    let residual = try Tensor.random(shape, seed: 9)
                    let together = try layer(x, epilogue: Conv2dEpilogue(residual: residual))
                    for i in 0..<input[0] {
                        let epilogue = Conv2dEpilogue(residual: try residual.sample(i))
                        let alone = try layer(try x.sample(i), epilogue: epilogue)
                        let found = try together.sample(i)
                        #expect(found.isBitEqual(to: alone), "\(isa) \(form.algorithm)")
                    }
                }
            }
        }
    }

    static func check(
        _ layer: Conv2d, on input: [Int], runs algorithm: Conv2dPlan.Algorithm
    ) throws {
        let x = try Tensor.random(input)
        let outputs = layer.geometry.outputChannels
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: layer.weight.value.elements.map(Double.init))
        let bias = try #require(layer.bias).value.elements.map(Double.init)
        // Errors of a tile come from all of its pixels, so the scale is the map's, not the output's.
        let scale = reference.magnitudes.max() ?? 0
        let allowed = algorithm == .winograd4x4 ? 2e-6 : 5e-6
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) {
                #expect(try layer.plan(for: input).algorithm == algorithm)
                return try layer(x)
            }
            #expect(single.shape == reference.outputShape)
            for (i, value) in single.elements.enumerated() {
                let exact = reference.sums[i] + bias[i % outputs]
                #expect(abs(Double(value) - exact) < allowed * scale + 1e-6)
            }
            for threads in [2, 3] {
                let several = try Runtime.with(isa: isa, threads: threads) { try layer(x) }
                #expect(several.isBitEqual(to: single))
            }
        }
    }

    @Test func epiloguesAgreeWithTheDirectOnes() throws {
        let input = [2, 9, 7, 24], outputs = 40
        let x = try Tensor.random(input)
        let fast = try Self.forms.map { try Self.layer(input, outputs, 1, $0.choice) }
        let direct = try Self.layer(input, outputs, 1, .direct)
        let residual = try Tensor.random([2, 9, 7, outputs], seed: 3)
        let gate = try Tensor.random([2, outputs], seed: 4)
        let epilogues = [
            Conv2dEpilogue(activation: .relu),
            Conv2dEpilogue(activation: .relu6, residual: residual),
            Conv2dEpilogue(activation: .relu, residual: residual, residualAfterActivation: true),
            Conv2dEpilogue(activation: .silu, residual: residual, gate: gate),
            Conv2dEpilogue(gate: gate),
            Conv2dEpilogue(activation: .silu, residual: residual, residualAfterActivation: true),
            Conv2dEpilogue(activation: .sigmoid, residual: residual, factor: residual),
        ]
        for epilogue in epilogues {
            for isa in KernelISA.supported {
                for layer in fast {
                    let difference = try Runtime.with(isa: isa) {
                        try layer(x, epilogue: epilogue).maximumDifference(
                            from: direct(x, epilogue: epilogue))
                    }
                    #expect(difference < 2e-5)
                }
            }
        }
    }

    @Test func aSampleDoesNotDependOnItsBatch() throws {
        let layer = try Self.layer([3, 9, 6, 8], 20, 1, .winograd)
        let batch = try Tensor.random([3, 9, 6, 8])
        let together = try layer(batch).elements
        for n in 0..<3 {
            let one = try Tensor(
                Array(batch.elements[n * 432..<(n + 1) * 432]), shape: [1, 9, 6, 8])
            #expect(try layer(one).elements == Array(together[n * 1080..<(n + 1) * 1080]))
        }
        #expect(try layer(Tensor(zeros: [0, 9, 6, 8])).shape == [0, 9, 6, 20])
        // Of a size that is worth several threads.
        let wide = try Self.layer([0, 28, 28, 64], 64, 1, .winograd)
        for isa in KernelISA.supported {
            let empty = try Runtime.with(isa: isa, threads: 4) {
                try wide(Tensor(zeros: [0, 28, 28, 64])).shape
            }
            #expect(empty == [0, 28, 28, 64])
        }
    }

    @Test(arguments: KernelISA.supported)
    func theChoiceCanBeSeenAndForced(_ isa: KernelISA) throws {
        try Runtime.with(isa: isa) { try Self.checkChoices() }
    }

    private static func checkChoices() throws {
        let input = [1, 56, 56, 64]
        func algorithm(_ choice: Conv2dAlgorithm) throws -> Conv2dPlan.Algorithm {
            try Self.layer(input, 64, 1, choice).plan(for: input).algorithm
        }
        #expect(try algorithm(.direct) == .direct)
        #expect(try algorithm(.winograd4x4) == .winograd4x4)
        #expect(try algorithm(.winograd6x6) == .winograd6x6)
        let plan = try Self.layer(input, 64, 1, .automatic).plan(for: input)
        #expect(try plan.algorithm == algorithm(.winograd))
        let estimates = plan.estimatedCycles
        #expect(Set(estimates.keys) == [.direct, .winograd4x4, .winograd6x6])
        // The more exact way wins unless the other gains something.
        let least = try #require(estimates.values.min())
        #expect(try #require(estimates[plan.algorithm]) <= 1.07 * least)
        // A single tile cannot pay for 38 MB of transformed weights.
        let deep = try Self.layer([1, 3, 3, 512], 512, 1, .automatic)
        #expect(try deep.plan(for: [1, 3, 3, 512]).algorithm == .direct)
    }

    @Test func unsuitableLayersRefuseIt() {
        for (kernel, stride, dilation, groups) in [
            (Size2d(5), Size2d(1), Size2d(1), 1), (3, 2, 1, 1), (3, 1, 1, 2),
        ] {
            let error = #expect(throws: ProteanError.self) {
                try Conv2d(
                    inputChannels: 4, outputChannels: 4, kernelSize: kernel, stride: stride,
                    padding: 1, dilation: dilation, groups: groups, algorithm: .winograd)
            }
            guard case .invalidOption("Conv2d", "algorithm", _, "winograd") = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
        }
    }

    @Test func aRepeatedCallAllocatesItsResultOnly() async {
        await #expect(processExitsWith: .success) {
            let layer = try Self.layer([1, 20, 20, 16], 32, 1, .winograd)
            let x = try Tensor.random([1, 20, 20, 16])
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    _ = try layer(x)
                    #expect(try allocations { _ = try layer(x) } == 1)
                }
            }
        }
    }

    /// Beside input, output and packed weights a convolution takes at most 8 MiB per thread.
    @Test(arguments: [
        [1, 800, 1216, 3], [1, 200, 304, 256], [1, 25, 38, 2048], [8, 56, 56, 64],
        [1, 9, 200, 4096], [3, 7, 7, 512],
    ])
    func scratchMemoryIsBounded(input: [Int]) throws {
        for outputs in [32, 512, 3000] {
            for choice in [Conv2dAlgorithm.automatic, .direct, .winograd4x4, .winograd6x6] {
                let geometry = try Conv2dGeometry(
                    inputChannels: input[3], outputChannels: outputs, kernelSize: 3, padding: 1,
                    algorithm: choice)
                for isa in KernelISA.supported {
                    for threads in [1, 2, 8] {
                        let plan = try Runtime.with(isa: isa, threads: threads) {
                            try geometry.plan(for: input)
                        }
                        #expect(plan.scratchBytes <= threads << 23, "\(isa)")
                    }
                }
            }
        }
    }
}
