import Testing

@testable import Protean

@Suite struct DynamicConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var dilation: Size2d = 1
        var groups = 1
        var experts = 4
        var bias = true
        var temperature: Float = 1

        var testDescription: String { "\(input)->\(outputs) k\(kernel) g\(groups) e\(experts)" }

        func layer() throws -> DynamicConv2d {
            let layer = try DynamicConv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: .symmetric(height: 1, width: 2), dilation: dilation,
                groups: groups, bias: bias, experts: experts, temperature: temperature,
                algorithm: .direct, seed: 11)
            try layer.bias?.set(.random([experts, outputs], seed: 12))
            return layer
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 6], outputs: 20),
        Case(input: [1, 6, 9, 3], outputs: 70, kernel: Size2d(height: 1, width: 2), experts: 1),
        Case(
            input: [2, 8, 9, 8], outputs: 12, stride: 2, dilation: 2, groups: 4, experts: 3,
            bias: false, temperature: 34),
        Case(input: [2, 9, 8, 33], outputs: 33, groups: 33, experts: 5, temperature: 0.25),
        Case(input: [3, 5, 6, 17], outputs: 1, experts: 2),
    ]

    /// The attention of every sample in double precision.
    static func shares(_ layer: DynamicConv2d, _ x: Tensor) throws -> [[Double]] {
        let first = try #require(layer.parameter(at: "attention.fc1.weight")).value
        let second = try #require(layer.parameter(at: "attention.fc2.weight")).value
        let bias = try #require(layer.parameter(at: "attention.fc2.bias")).value
        return RoutingReference.means(x).map { means in
            let hidden = RoutingReference.product(first, nil, means).map { max(0, $0) }
            let logits = RoutingReference.product(second, bias, hidden)
            return RoutingReference.softmax(logits, Double(layer.attention.temperature))
        }
    }

    @Test(arguments: cases)
    func agreesWithMixingInDouble(_ test: Case) throws {
        let layer = try test.layer()
        let x = try Tensor.random(test.input)
        let shares = try Self.shares(layer, x)
        let weights = shares.flatMap { RoutingReference.mix($0, layer.weight.value) }
        let biases = shares.map { one in
            layer.bias.map { RoutingReference.mix(one, $0.value) }
        }
        let reference = try Conv2dReference(layer.geometry, x: x, weights: weights, perSample: true)
        let perSample = reference.outputShape[1...].reduce(1, *)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.shape == reference.outputShape)
            let worst = reference.worstError(y) { sum, i in
                sum + (biases[i / perSample]?[i % test.outputs] ?? 0)
            }
            #expect(worst < 80, "\(isa): \(worst) units")
        }
    }

    @Test func hiddenUnitsFollowTheReference() throws {
        for (channels, ratio, experts, expected) in [
            (3, 0.25, 4, 4), (3, 0.25, 7, 7), (8, 0.25, 4, 3), (64, 0.25, 4, 17), (1, 0.25, 4, 1),
            (7, 0, 4, 1), (10, 0.55, 2, 6),
        ] {
            let layer = try DynamicConv2d(
                inputChannels: channels, outputChannels: 2, kernelSize: 1, ratio: ratio,
                experts: experts)
            let shape = layer.parameter(at: "attention.fc1.weight")?.shape
            #expect(shape == [expected, channels, 1, 1])
        }
    }

    @Test func namesAndShapesAreTheReferences() throws {
        let layer = try DynamicConv2d(
            inputChannels: 8, outputChannels: 6, kernelSize: 3, groups: 2, experts: 5)
        let found = layer.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        #expect(
            found == [
                "weight [5, 6, 4, 3, 3]", "bias [5, 6]", "attention.fc1.weight [3, 8, 1, 1]",
                "attention.fc2.weight [5, 3, 1, 1]", "attention.fc2.bias [5]",
            ])
    }

    @Test func oneExpertIsAnOrdinaryConvolution() throws {
        let layer = try DynamicConv2d(
            inputChannels: 9, outputChannels: 37, kernelSize: 3, padding: 1, experts: 1,
            algorithm: .direct)
        try layer.bias!.set(.random([1, 37], seed: 4))
        let plain = try Conv2d(
            weight: layer.weight.value.reshaped(to: [37, 9, 3, 3]),
            bias: layer.bias!.value.reshaped(to: [37]), padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 6, 7, 9])
        for isa in KernelISA.supported {
            let (mixed, ordinary) = try Runtime.with(isa: isa) { (try layer(x), try plain(x)) }
            #expect(mixed.isBitEqual(to: ordinary))
        }
    }

    @Test func aLargeLogitChoosesItsExpert() throws {
        let layer = try DynamicConv2d(
            inputChannels: 5, outputChannels: 6, kernelSize: 3, padding: 1, bias: false, experts: 3,
            algorithm: .direct)
        let logits = try #require(layer.parameter(at: "attention.fc2.bias"))
        let x = try Tensor.random([2, 5, 6, 5])
        for expert in 0..<3 {
            try logits.set(Tensor((0..<3).map { $0 == expert ? 1e4 : 0 }, shape: [3]))
            let chosen = try Conv2d(
                weight: layer.weight.value.sample(expert).reshaped(to: [6, 5, 3, 3]), padding: 1,
                algorithm: .direct)
            #expect(try layer(x).isBitEqual(to: chosen(x)))
        }
    }

    /// Convolutions that are weighted and summed equal the one merged convolution.
    @Test func mixingKernelsEqualsMixingResults() throws {
        let layer = try Self.cases[0].layer()
        let x = try Tensor.random(Self.cases[0].input)
        let shares = try layer.attention(x).elements, found = try layer(x)
        let results = try (0..<4).map { expert in
            try Conv2d(
                weight: layer.weight.value.sample(expert).reshaped(to: layer.geometry.weightShape),
                bias: layer.bias!.value.sample(expert).reshaped(to: [20]),
                padding: .symmetric(height: 1, width: 2), algorithm: .direct)(x).elements
        }
        let each = found.count / 3
        let sum = found.elements.indices.map { i in
            (0..<4).reduce(0.0) { $0 + Double(shares[i / each * 4 + $1]) * Double(results[$1][i]) }
        }
        MapTest.expect(found, shape: found.shape, sum, tolerance: 1e-5)
    }

    @Test func attentionSumsToOneAndFlattensWithTemperature() throws {
        let x = try Tensor.random([3, 4, 5, 8])
        var spread: [Float] = []
        for temperature in [1, 34] as [Float] {
            let attention = try DynamicConvAttention(
                channels: 8, hidden: 3, experts: 4, temperature: temperature)
            try attention.parameter(at: "fc2.bias")!.set(Tensor([3, -1, 0, 2], shape: [4]))
            let rows = try attention(x).elements
            for row in 0..<3 {
                #expect(abs(rows[row * 4..<row * 4 + 4].reduce(0, +) - 1) < 1e-6)
            }
            spread.append(rows.max()! - rows.min()!)
        }
        #expect(spread[1] < 0.1 * spread[0])
    }

    @Test func theNormAfterItIsFolded() throws {
        let layer = try Self.cases[3].layer()
        let norm = try BatchNorm2d(channels: 33)
        try norm.runningMean.set(.random([33], seed: 21))
        try norm.runningVar.set(Initializer.uniform([33], in: 0.5...2, seed: 22))
        try norm.bias!.set(.random([33], seed: 23))
        let x = try Tensor.random(Self.cases[3].input)
        let residual = try Tensor.random(layer.outputShape(for: x.shape), seed: 5)
        let kernel = try layer.folding(norm)
        let epilogue = Conv2dEpilogue(activation: .relu, residual: residual)
        let separate = try Operations.activate(
            Operations.add(norm(layer(x)), residual), .relu)
        #expect(try kernel(x, epilogue: epilogue).maximumDifference(from: separate) < 1e-5)
        let trace = Trace()
        let block = try Sequential([layer, norm, ReLU()])
        _ = try trace.recording { try block(x) }
        #expect(trace.events.map(\.layer) == ["DynamicConvAttention", "DynamicConv2d"])
        let other = try BatchNorm2d(channels: 32)
        #expect(throws: ProteanError.self) { try layer.folding(other) }
    }

    @Test func emptyBatchShapesCostAndNaN() throws {
        let layer = try DynamicConv2d(
            inputChannels: 4, outputChannels: 8, kernelSize: 3, padding: 1, experts: 3)
        #expect(try layer(Tensor(zeros: [0, 5, 4, 4])).shape == [0, 5, 4, 8])
        #expect(try layer.outputShape(for: [2, 5, 6, 4]) == [2, 5, 6, 8])
        let cost = try layer.cost(for: [2, 5, 6, 4])
        #expect(
            cost.multiplyAdds == 2 * 30 * 8 * 36 + 2 * 3 * (8 * 36 + 8) + 2 * (2 * 4 + 3 * 2))
        #expect(cost.parameters == 3 * (8 * 36 + 8) + 2 * 4 + 3 * 2 + 3)
        // NaN reaches the attention of its own sample only.
        var x = try Tensor.random([2, 5, 6, 4])
        try x.withUnsafeMutableBufferPointer { $0[7] = .nan }
        let y = try layer(x)
        #expect(y.elements[..<240].allSatisfy { $0.isNaN })
        #expect(y.elements[240...].allSatisfy { $0.isFinite })
    }

    @Test func optionsThatCannotBeAreNamed() throws {
        func refused(_ option: String, _ make: () throws -> DynamicConv2d) {
            let error = #expect(throws: ProteanError.self) { try make() }
            guard case .invalidOption("DynamicConv2d", option, _, _) = error else {
                Issue.record("\(option): unexpected \(String(describing: error))")
                return
            }
        }
        func make(
            experts: Int = 4, temperature: Float = 1, ratio: Double = 0.25, groups: Int = 1
        ) throws -> DynamicConv2d {
            try DynamicConv2d(
                inputChannels: 4, outputChannels: 6, kernelSize: 3, ratio: ratio, groups: groups,
                experts: experts, temperature: temperature)
        }
        refused("experts") { try make(experts: 0) }
        refused("temperature") { try make(temperature: 0) }
        refused("temperature") { try make(temperature: .nan) }
        refused("ratio") { try make(ratio: -0.1) }
        refused("ratio") { try make(ratio: .nan) }
        refused("ratio") { try make(ratio: 1e9) }
        refused("inputChannels") { try make(groups: 3) }
        #expect(throws: ProteanError.self) { try make()(Tensor(zeros: [1, 5, 5, 3])) }
        #expect(throws: ProteanError.self) { try make()(Tensor(zeros: [5, 4])) }
    }
}
