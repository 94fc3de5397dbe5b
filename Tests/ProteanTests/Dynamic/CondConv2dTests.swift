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
                bias: bias, experts: experts, seed: 11)
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
            inputChannels: 9, outputChannels: 37, padding: 1, bias: true, experts: 1)
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
