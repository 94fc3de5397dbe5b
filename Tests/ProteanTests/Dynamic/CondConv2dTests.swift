import Testing

@testable import Protean

@Suite struct CondConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var groups = 1
        var experts = 4
        var bias = true

        var testDescription: String { "\(input)->\(outputs) k\(kernel) g\(groups) e\(experts)" }

        func layer() throws -> CondConv2d {
            try CondConv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: .symmetric(height: 1, width: 2), groups: groups,
                bias: bias, experts: experts, algorithm: .direct, seed: 11)
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 6], outputs: 20),
        Case(input: [1, 4, 9, 3], outputs: 70, kernel: Size2d(height: 1, width: 2), experts: 1),
        Case(input: [5, 6, 4, 8], outputs: 12, stride: 2, groups: 4, experts: 3, bias: false),
        Case(input: [2, 9, 8, 19], outputs: 19, groups: 19, experts: 8),
    ]

    /// The mixed weights of every sample in double precision, and the mixed biases.
    static func mixture(
        _ layer: CondConv2d, _ routing: Tensor
    ) -> (weights: [Double], biases: [Double]) {
        func mix(_ sets: [Float]) -> [Double] {
            let length = sets.count / layer.experts
            let table = routing.elements
            return (0..<routing.shape[0]).flatMap { sample in
                (0..<length).map { i in
                    (0..<layer.experts).reduce(0.0) {
                        $0 + Double(table[sample * layer.experts + $1])
                            * Double(sets[$1 * length + i])
                    }
                }
            }
        }
        return (mix(layer.weight.value.elements), layer.bias.map { mix($0.value.elements) } ?? [])
    }

    @Test(arguments: cases)
    func agreesWithMixingInDouble(_ test: Case) throws {
        let layer = try test.layer()
        let x = try Tensor.random(test.input)
        let routing = try Initializer.uniform(
            [test.input[0], test.experts], in: 0...1, seed: 3)
        let (weights, biases) = Self.mixture(layer, routing)
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: weights, perSample: true)
        let perSample = reference.outputShape[1...].reduce(1, *)
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) { try layer(x, routing: routing) }
            let worst = reference.worstError(single) { sum, i in
                biases.isEmpty
                    ? sum : sum + biases[i / perSample * test.outputs + i % test.outputs]
            }
            #expect(worst < 40, "\(isa): \(worst) units")
            for threads in [2, 3] {
                let several = try Runtime.with(isa: isa, threads: threads) {
                    try layer(x, routing: routing)
                }
                #expect(several.isBitEqual(to: single))
            }
        }
    }

    @Test func oneExpertIsAnOrdinaryConvolution() throws {
        let layer = try CondConv2d(
            inputChannels: 9, outputChannels: 37, padding: 1, bias: true, experts: 1,
            algorithm: .direct)
        let plain = try Conv2d(
            weight: layer.weight.value.reshaped(to: [37, 9, 3, 3]),
            bias: layer.bias!.value.reshaped(to: [37]), padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 6, 7, 9])
        let ones = try Tensor(repeating: 1, shape: [2, 1])
        for isa in KernelISA.supported {
            let (mixed, ordinary) = try Runtime.with(isa: isa) {
                (try layer(x, routing: ones), try plain(x))
            }
            #expect(mixed.isBitEqual(to: ordinary))
        }
    }

    @Test func aFoldedNormIsNotMixed() throws {
        let layer = try CondConv2d(
            inputChannels: 4, outputChannels: 6, padding: 1, bias: true, experts: 3)
        let norm = try BatchNorm2d(channels: 6)
        try norm.runningMean.set(.random([6], seed: 21))
        try norm.runningVar.set(Initializer.uniform([6], in: 0.5...2, seed: 22))
        try norm.bias!.set(.random([6], seed: 23))
        let fused = try FusedCondConv2d(layer, norm, .relu)
        let x = try Tensor.random([2, 5, 6, 4])
        // The weights of a sample sum to anything but 1.
        let routing = try Tensor([0.2, 0.9, 0.8, 0, 0.1, 0.3], shape: [2, 3])
        let separate = try Operations.activate(norm(layer(x, routing: routing)), .relu)
        let together = try fused(x, routing: routing)
        #expect(try together.maximumDifference(from: separate) < 1e-5)
    }

    /// Convolutions that are weighted and summed equal the one merged convolution.
    @Test func mixingKernelsEqualsMixingResults() throws {
        let layer = try Self.cases[0].layer()
        let x = try Tensor.random([3, 7, 5, 6])
        let routing = try Initializer.uniform([3, 4], in: 0...1, seed: 3), shares = routing.elements
        let found = try layer(x, routing: routing)
        let results = try (0..<4).map { expert in
            let oneHot = try Tensor(
                (0..<12).map { $0 % 4 == expert ? 1 : 0 }, shape: [3, 4])
            let chosen = try layer(x, routing: oneHot)
            let plain = try Conv2d(
                weight: layer.weight.value.sample(expert).reshaped(to: layer.geometry.weightShape),
                bias: layer.bias!.value.sample(expert).reshaped(to: [20]),
                padding: .symmetric(height: 1, width: 2), algorithm: .direct)
            #expect(try chosen.isBitEqual(to: plain(x)))
            return chosen.elements
        }
        let each = found.count / 3
        let sum = found.elements.indices.map { i in
            (0..<4).reduce(0.0) { $0 + Double(shares[i / each * 4 + $1]) * Double(results[$1][i]) }
        }
        MapTest.expect(found, shape: found.shape, sum, tolerance: 1e-5)
    }

    @Test(arguments: [Conv2dAlgorithm.automatic, .winograd4x4, .winograd6x6])
    func winogradsFormsAgreeWithDirectSums(_ algorithm: Conv2dAlgorithm) throws {
        func layer(_ algorithm: Conv2dAlgorithm) throws -> CondConv2d {
            try CondConv2d(
                inputChannels: 33, outputChannels: 50, padding: 1, bias: true, experts: 3,
                algorithm: algorithm, seed: 5)
        }
        let x = try Tensor.random([3, 33, 29, 33])
        let routing = try Initializer.uniform([3, 3], in: 0...1, seed: 3)
        let residual = try Tensor.random([3, 33, 29, 50], seed: 6)
        let epilogue = Conv2dEpilogue(activation: .relu, residual: residual)
        let exact = try layer(.direct)(x, routing: routing, epilogue: epilogue)
        let largest = exact.elements.max() ?? 0
        let found = try layer(algorithm)
        try MapTest.everywhere {
            try found(x, routing: routing, epilogue: epilogue)
        } check: { isa, y in
            #expect(try y.maximumDifference(from: exact) < 1e-5 * largest, "\(isa)")
            let alone = try Runtime.with(isa: isa) {
                let last = Conv2dEpilogue(activation: .relu, residual: try residual.sample(2))
                return try found(x.sample(2), routing: routing.sample(2), epilogue: last)
            }
            #expect(try y.sample(2).isBitEqual(to: alone))
        }
    }

    /// A sample that Winograd's forms would compute too inexactly is computed directly, with its own
    /// residual and gate.
    @Test func aGuardedSampleIsComputedDirectly() throws {
        func layer(_ algorithm: Conv2dAlgorithm) throws -> CondConv2d {
            try CondConv2d(
                inputChannels: 24, outputChannels: 20, padding: 1, experts: 2,
                algorithm: algorithm, seed: 5)
        }
        var x = try Tensor.random([3, 13, 14, 24])
        try x.withUnsafeMutableBufferPointer { $0[13 * 14 * 24 + 2000] = 1e6 }
        let routing = try Initializer.uniform([3, 2], in: 0...1, seed: 3)
        let epilogue = Conv2dEpilogue(
            residual: try Tensor.random([3, 13, 14, 20], seed: 6),
            gate: try Tensor.random([3, 20], seed: 7))
        let direct = try layer(.direct), form = try layer(.winograd6x6)
        for isa in KernelISA.supported {
            let (exact, found) = try Runtime.with(isa: isa) {
                (
                    try direct(x, routing: routing, epilogue: epilogue),
                    try form(x, routing: routing, epilogue: epilogue)
                )
            }
            #expect(try found.sample(1).isBitEqual(to: exact.sample(1)), "\(isa)")
            for sample in [0, 2] {
                #expect(try !found.sample(sample).isBitEqual(to: exact.sample(sample)))
                let difference = try found.sample(sample).maximumDifference(
                    from: exact.sample(sample))
                #expect(difference < 1e-4)
            }
        }
    }

    @Test func thePlanDoesNotDependOnTheBatch() throws {
        let layer = try CondConv2d(
            inputChannels: 64, outputChannels: 64, padding: 1, experts: 4)
        let one = try layer.plan(for: [1, 56, 56, 64])
        #expect(try layer.plan(for: [8, 56, 56, 64]).algorithm == one.algorithm)
        let small = try CondConv2d(
            inputChannels: 512, outputChannels: 512, padding: 1, experts: 8)
        #expect(try small.plan(for: [1, 7, 7, 512]).algorithm == .direct)
        #expect(throws: ProteanError.self) {
            try CondConv2d(
                inputChannels: 8, outputChannels: 8, stride: 2, algorithm: .winograd)
        }
    }

    /// TensorFlow's order is height, width, in, out; for depthwise layers height, width, in,
    /// multiplier.
    @Test func weightsOfTensorFlowAreReordered() throws {
        for (inputs, outputs, groups) in [(3, 5, 1), (4, 8, 4), (4, 4, 4), (1, 6, 1)] {
            let layer = try CondConv2d(
                inputChannels: inputs, outputChannels: outputs,
                kernelSize: Size2d(height: 2, width: 3), groups: groups, bias: true, experts: 2)
            let within = inputs / groups, size = outputs * within * 6
            let kernel = try Tensor.random([2, size], seed: 4), values = kernel.elements
            let bias = try Tensor.random([2, outputs], seed: 5)
            try layer.setTensorFlow(kernel: kernel, bias: bias)
            let found = layer.weight.value.elements
            for e in 0..<2 {
                for o in 0..<outputs {
                    for c in 0..<within {
                        for tap in 0..<6 {
                            let to = ((e * outputs + o) * within + c) * 6 + tap
                            // With groups, o is c * multiplier + m already.
                            let from = (tap * within + c) * outputs + o
                            #expect(found[to] == values[e * size + from])
                        }
                    }
                }
            }
            #expect(layer.bias!.value.isBitEqual(to: bias))
        }
        let layer = try CondConv2d(inputChannels: 4, outputChannels: 4, groups: 4, experts: 2)
        for (kernel, bias, name) in [
            ([2, 35], nil, "depthwise_condconv_kernel"),
            ([3, 36], nil, "depthwise_condconv_kernel"),
            ([2, 36], [2, 4], "condconv_bias"),
        ] as [([Int], [Int]?, String)] {
            let before = layer.weight.version
            let error = #expect(throws: ProteanError.self) {
                try layer.setTensorFlow(
                    kernel: Tensor(zeros: kernel), bias: bias.map { try Tensor(zeros: $0) })
            }
            guard case .shapeMismatch(_, name, _, _) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
            #expect(layer.weight.version == before)
        }
    }

    @Test func aRoutedLayerIsTheLayerWithItsRouting() throws {
        let layer = try RoutedCondConv2d(
            CondConv2d(inputChannels: 5, outputChannels: 7, padding: 1, bias: true, experts: 3))
        let x = try Tensor.random([3, 6, 5, 5])
        let weights = try layer.routing(x)
        let expected = try layer.convolution(x, routing: weights)
        #expect(try layer(x).isBitEqual(to: expected))
        let means = RoutingReference.means(x)
        let linear = try #require(layer.parameter(at: "routing_fn.weight")).value
        let bias = try #require(layer.parameter(at: "routing_fn.bias")).value
        MapTest.expect(
            weights, shape: [3, 3],
            means.flatMap {
                RoutingReference.sigmoid(RoutingReference.product(linear, bias, $0))
            }, tolerance: 2e-6)
        #expect(
            layer.allParameters().map(\.name) == [
                "weight", "bias", "routing_fn.weight", "routing_fn.bias",
            ])
        let norm = try BatchNorm2d(channels: 7)
        try norm.runningMean.set(.random([7], seed: 21))
        let trace = Trace()
        let block = try Sequential([layer, norm, ReLU()])
        let outcome = trace.recording { Result { () throws(ProteanError) in try block(x) } }
        let fused = try outcome.get()
        #expect(trace.events.map(\.layer) == ["CondConvRouting", "CondConv2d"])
        let separate = try Operations.activate(norm(expected), .relu)
        #expect(try fused.maximumDifference(from: separate) < 1e-5)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 5, 5, 4])) }
    }

    @Test func routingMustFitBatchAndExperts() throws {
        let layer = try CondConv2d(inputChannels: 2, outputChannels: 2, experts: 4)
        let x = try Tensor(zeros: [3, 5, 5, 2])
        for shape in [[3, 3], [2, 4], [12]] {
            let error = #expect(throws: ProteanError.self) {
                try layer(x, routing: Tensor(zeros: shape))
            }
            guard case .shapeMismatch(_, "routing_weights", "[3, 4]", shape) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
        }
        #expect(throws: ProteanError.self) {
            try CondConv2d(inputChannels: 2, outputChannels: 2, experts: 0)
        }
    }

    @Test func emptyBatchGivesEmptyResult() throws {
        let layer = try CondConv2d(inputChannels: 2, outputChannels: 3, padding: 1, experts: 2)
        let y = try layer(Tensor(zeros: [0, 5, 4, 2]), routing: Tensor(zeros: [0, 2]))
        #expect(y.shape == [0, 5, 4, 3])
    }

    @Test func aRepeatedCallAllocatesItsResultOnly() async {
        await #expect(processExitsWith: .success) {
            let layer = try CondConv2d(
                inputChannels: 8, outputChannels: 40, padding: 1, experts: 4)
            let x = try Tensor.random([2, 9, 9, 8])
            let routing = try Tensor(repeating: 0.25, shape: [2, 4])
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    _ = try layer(x, routing: routing)
                    #expect(try allocations { _ = try layer(x, routing: routing) } == 1)
                }
            }
        }
    }

    @Test func costIsTheConvolutionAndTheMixing() throws {
        let layer = try CondConv2d(
            inputChannels: 4, outputChannels: 8, padding: 1, bias: true, experts: 3)
        let trace = Trace()
        let outcome = trace.recording {
            Result { () throws(ProteanError) in
                try layer(
                    Tensor(shapeOnly: [2, 5, 6, 4]), routing: Tensor(shapeOnly: [2, 3]))
            }
        }
        #expect(try outcome.get().shape == [2, 5, 6, 8])
        #expect(trace.totalCost.multiplyAdds == 2 * 30 * 8 * 36 + 2 * 3 * (8 * 36 + 8))
    }
}
