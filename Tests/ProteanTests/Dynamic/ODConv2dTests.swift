import Testing

@testable import Protean

@Suite struct ODConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel = 3
        var stride: Size2d = 1
        var dilation: Size2d = 1
        var groups = 1
        var experts = 4
        var reduction = 0.0625
        var temperature: Float = 1

        var testDescription: String { "\(input)->\(outputs) k\(kernel) g\(groups) e\(experts)" }

        func layer(_ algorithm: Conv2dAlgorithm = .direct) throws -> ODConv2d {
            let layer = try ODConv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: .symmetric(height: 1, width: 2), dilation: dilation,
                groups: groups, reduction: reduction, experts: experts, temperature: temperature,
                algorithm: algorithm, seed: 11)
            // Values that show a swapped or an unused parameter.
            for (index, one) in layer.attention.allParameters().enumerated() {
                let range: ClosedRange<Float> =
                    one.name == "bn.running_var" ? 0.5...2 : -1...1
                try one.parameter.set(
                    Initializer.uniform(one.parameter.shape, in: range, seed: UInt64(30 + index)))
            }
            return layer
        }
    }

    /// Direct with full and partial panels, two groups, strided; grouped, depthwise, narrow,
    /// pointwise, one kernel, pointwise with one kernel.
    static let cases = [
        Case(input: [3, 7, 5, 6], outputs: 20),
        Case(input: [5, 6, 4, 14], outputs: 132, groups: 2, experts: 2, temperature: 3),
        Case(input: [2, 8, 9, 7], outputs: 66, stride: 2, dilation: 2, experts: 3, reduction: 5),
        Case(input: [3, 6, 4, 24], outputs: 12, groups: 6, experts: 3),
        Case(input: [1, 9, 8, 33], outputs: 33, groups: 33, experts: 2),
        Case(input: [2, 5, 6, 5], outputs: 5, kernel: 5, groups: 5, experts: 1),
        Case(input: [3, 5, 6, 65], outputs: 1, experts: 2),
        Case(input: [2, 4, 5, 19], outputs: 23, kernel: 1),
        Case(input: [2, 4, 5, 6], outputs: 9, kernel: 1, experts: 1),
        Case(input: [2, 9, 4, 3], outputs: 17, kernel: 3, experts: 1),
        Case(input: [2, 9, 4, 1], outputs: 1, kernel: 2, experts: 2),
    ]

    struct Attentions {
        var inputs: [Double]
        var outputs, taps: [Double]?
        var shares: [Double]
    }

    /// The attentions of every sample in double precision.
    static func attentions(_ layer: ODConv2d, _ x: Tensor) throws -> [Attentions] {
        func value(_ name: String) -> Tensor? { layer.attention.parameter(at: name)?.value }
        let first = try #require(value("fc.weight"))
        let scale = try #require(value("bn.weight")).elements.map { Double($0) }
        let shift = try #require(value("bn.bias")).elements.map { Double($0) }
        let mean = try #require(value("bn.running_mean")).elements.map { Double($0) }
        let variance = try #require(value("bn.running_var")).elements.map { Double($0) }
        let temperature = Double(layer.attention.temperature)
        return RoutingReference.means(x).map { means in
            let products = RoutingReference.product(first, nil, means)
            let hidden = products.indices.map {
                max(
                    0,
                    (products[$0] - mean[$0]) / (variance[$0] + 1e-5).squareRoot() * scale[$0]
                        + shift[$0])
            }
            func head(_ name: String) -> [Double]? {
                value(name + ".weight").map {
                    RoutingReference.product($0, value(name + ".bias"), hidden)
                }
            }
            func sigmoid(_ name: String) -> [Double]? {
                head(name).map { RoutingReference.sigmoid($0, temperature) }
            }
            return Attentions(
                inputs: sigmoid("channel_fc") ?? [], outputs: sigmoid("filter_fc"),
                taps: sigmoid("spatial_fc"),
                shares: head("kernel_fc").map { RoutingReference.softmax($0, temperature) } ?? [1])
        }
    }

    @Test(arguments: cases)
    func agreesWithLoopsInDouble(_ test: Case) throws {
        let layer = try test.layer()
        let x = try Tensor.random(test.input)
        let attentions = try Self.attentions(layer, x)
        let weights = attentions.flatMap { one in
            RoutingReference.scale(
                RoutingReference.mix(one.shares, layer.weight.value), layer.geometry,
                taps: one.taps, inputs: one.inputs)
        }
        let reference = try Conv2dReference(layer.geometry, x: x, weights: weights, perSample: true)
        let perSample = reference.outputShape[1...].reduce(1, *)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.shape == reference.outputShape)
            let worst = reference.worstError(y) { sum, i in
                sum * (attentions[i / perSample].outputs?[i % test.outputs] ?? 1)
            }
            #expect(worst < 80, "\(isa): \(worst) units")
        }
    }

    /// Winograd's mixtures are made from scaled direct ones.
    @Test(arguments: [Conv2dAlgorithm.winograd4x4, .winograd6x6])
    func winogradsFormsAgreeWithDirectSums(_ algorithm: Conv2dAlgorithm) throws {
        let test = Case(input: [3, 19, 22, 33], outputs: 50, experts: 3)
        let x = try Tensor.random(test.input)
        let exact = try test.layer()(x), layer = try test.layer(algorithm)
        let largest = exact.elements.map(abs).max() ?? 0
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(try y.maximumDifference(from: exact) < 1e-5 * largest, "\(isa)")
            let alone = try Runtime.with(isa: isa) { try layer(x.sample(1)) }
            #expect(try y.sample(1).isBitEqual(to: alone))
        }
    }

    @Test(arguments: cases)
    func aSampleDoesNotDependOnTheOthers(_ test: Case) throws {
        let layer = try test.layer()
        let x = try Tensor.random(test.input)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let all = try layer(x)
                for sample in 0..<test.input[0] {
                    #expect(
                        try all.sample(sample).isBitEqual(to: layer(x.sample(sample))))
                }
            }
        }
    }

    @Test func namesAndShapesAreTheReferences() throws {
        func names(_ layer: ODConv2d) -> [String] {
            layer.allParameters().filter { !$0.name.contains("bn.") }.map {
                "\($0.name) \($0.parameter.shape)"
            }
        }
        let full = try ODConv2d(
            inputChannels: 8, outputChannels: 6, kernelSize: 3, groups: 2, experts: 5)
        #expect(
            names(full) == [
                "weight [5, 6, 4, 3, 3]", "attention.fc.weight [16, 8, 1, 1]",
                "attention.channel_fc.weight [8, 16, 1, 1]", "attention.channel_fc.bias [8]",
                "attention.filter_fc.weight [6, 16, 1, 1]", "attention.filter_fc.bias [6]",
                "attention.spatial_fc.weight [9, 16, 1, 1]", "attention.spatial_fc.bias [9]",
                "attention.kernel_fc.weight [5, 16, 1, 1]", "attention.kernel_fc.bias [5]",
            ])
        #expect(full.parameter(at: "attention.bn.running_var")?.shape == [16])
        let depthwise = try ODConv2d(
            inputChannels: 400, outputChannels: 400, kernelSize: 3, groups: 400, experts: 1)
        #expect(
            names(depthwise) == [
                "weight [1, 400, 1, 3, 3]", "attention.fc.weight [25, 400, 1, 1]",
                "attention.channel_fc.weight [400, 25, 1, 1]", "attention.channel_fc.bias [400]",
                "attention.spatial_fc.weight [9, 25, 1, 1]", "attention.spatial_fc.bias [9]",
            ])
        let pointwise = try ODConv2d(
            inputChannels: 4, outputChannels: 2, kernelSize: 1, experts: 1)
        #expect(names(pointwise).filter { $0.hasSuffix("_fc.bias [2]") }.count == 1)
        #expect(pointwise.parameter(at: "attention.spatial_fc.weight") == nil)
        #expect(pointwise.parameter(at: "attention.kernel_fc.weight") == nil)
    }

    @Test func logitsOfZeroGiveAnEighthOfAConvolution() throws {
        let layer = try ODConv2d(
            inputChannels: 9, outputChannels: 37, kernelSize: 3, padding: 1, experts: 1,
            algorithm: .direct)
        for one in layer.attention.allParameters() where one.name.contains("_fc.") {
            try one.parameter.set(Tensor(zeros: one.parameter.shape))
        }
        let plain = try Conv2d(
            weight: layer.weight.value.reshaped(to: [37, 9, 3, 3]), padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 6, 7, 9])
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                // Powers of two change no digit.
                let eighth = try Operations.multiply(
                    plain(x), Tensor(repeating: 0.125, shape: [1]))
                #expect(try layer(x).isBitEqual(to: eighth))
            }
        }
    }

    @Test func equalExpertsAreOneExpert() throws {
        let one = try Case(input: [3, 7, 5, 6], outputs: 20, experts: 1).layer()
        let three = try Case(input: [3, 7, 5, 6], outputs: 20, experts: 3).layer()
        let copies = (0..<3).flatMap { _ in one.weight.value.elements }
        try three.weight.set(Tensor(copies, shape: three.weight.shape))
        for name in three.attention.allParameters().map(\.name) where !name.hasPrefix("kernel") {
            try three.attention.parameter(at: name)!.set(
                one.attention.parameter(at: name)!.value)
        }
        let x = try Tensor.random([3, 7, 5, 6])
        #expect(try one(x).maximumDifference(from: three(x)) < 1e-6)
    }

    @Test(arguments: [0, 4])
    func theNormAfterItIsFolded(_ index: Int) throws {
        let test = Self.cases[index]
        let layer = try test.layer()
        let norm = try Self.norm(test.outputs)
        let x = try Tensor.random(test.input)
        let shape = try layer.outputShape(for: x.shape)
        let residual = try Tensor.random(shape, seed: 5)
        let epilogue = Conv2dEpilogue(activation: .relu, residual: residual)
        let normed = try norm(layer(x))
        let separate = try Operations.activate(Operations.add(normed, residual), .relu)
        let kernel = try layer.folding(norm)
        let fused = try kernel(x, epilogue: epilogue)
        #expect(try fused.maximumDifference(from: separate) < 1e-5)
        let trace = Trace()
        let block = try Sequential([layer, norm, ReLU()])
        _ = try trace.recording { try block(x) }
        #expect(trace.events.map(\.layer) == ["ODConvAttention", "ODConv2d"])
    }

    private static func norm(_ channels: Int) throws -> BatchNorm2d {
        let norm = try BatchNorm2d(channels: channels)
        try norm.runningMean.set(.random([channels], seed: 21))
        try norm.runningVar.set(Initializer.uniform([channels], in: 0.5...2, seed: 22))
        let bias = try #require(norm.bias)
        try bias.set(.random([channels], seed: 23))
        return norm
    }

    @Test func aGateAfterTheLayerIsApplied() throws {
        // With and without an attention over output channels of the layer itself.
        for test in [Self.cases[0], Self.cases[4]] {
            let layer = try test.layer()
            let x = try Tensor.random(test.input)
            let gate = try Tensor.random([test.input[0], test.outputs], seed: 6)
            let gated = try layer(x, epilogue: Conv2dEpilogue(gate: gate))
            let separate = try Conv2dEpilogue(gate: gate).applied(to: layer(x), layer: "test")
            #expect(try gated.maximumDifference(from: separate) < 1e-6)
        }
    }

    @Test func emptyBatchShapesCostAndNaN() throws {
        let layer = try ODConv2d(
            inputChannels: 4, outputChannels: 8, kernelSize: 3, padding: 1, experts: 3)
        #expect(try layer(Tensor(zeros: [0, 5, 4, 4])).shape == [0, 5, 4, 8])
        #expect(try layer.outputShape(for: [2, 5, 6, 4]) == [2, 5, 6, 8])
        let cost = try layer.cost(for: [2, 5, 6, 4])
        let heads = 16 * (4 + 4 + 8 + 9 + 3)
        #expect(cost.multiplyAdds == 2 * 30 * 8 * 37 + 2 * 4 * 8 * 36 + 2 * heads)
        #expect(cost.parameters == 3 * 8 * 36 + heads + (4 + 8 + 9 + 3) + 32)
        #expect(cost.buffers == 32)
        var x = try Tensor.random([2, 5, 6, 4])
        try x.withUnsafeMutableBufferPointer { $0[7] = .nan }
        let y = try layer(x)
        #expect(y.elements[..<240].allSatisfy { $0.isNaN })
        #expect(y.elements[240...].allSatisfy { $0.isFinite })
    }

    @Test func optionsThatCannotBeAreNamed() throws {
        func refused(_ option: String, _ make: () throws -> ODConv2d) {
            let error = #expect(throws: ProteanError.self) { try make() }
            guard case .invalidOption("ODConv2d", option, _, _) = error else {
                Issue.record("\(option): unexpected \(String(describing: error))")
                return
            }
        }
        func make(
            experts: Int = 4, temperature: Float = 1, reduction: Double = 0.0625, groups: Int = 1,
            kernel: Int = 3, hidden: Int = 16
        ) throws -> ODConv2d {
            try ODConv2d(
                inputChannels: 4, outputChannels: 6, kernelSize: kernel, groups: groups,
                reduction: reduction, experts: experts, minimumHidden: hidden,
                temperature: temperature)
        }
        refused("experts") { try make(experts: 0) }
        refused("temperature") { try make(temperature: -1) }
        refused("reduction") { try make(reduction: -0.1) }
        refused("reduction") { try make(reduction: .infinity) }
        refused("inputChannels") { try make(groups: 3) }
        refused("kernelSize") { try make(kernel: 0) }
        refused("minimumHidden") { try make(hidden: 0) }
        #expect(throws: ProteanError.self) { try make()(Tensor(zeros: [1, 5, 5, 3])) }
        #expect(throws: ProteanError.self) { try make()(Tensor(zeros: [5, 4])) }
    }
}
