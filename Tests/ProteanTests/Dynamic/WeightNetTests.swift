import Foundation
import Testing

@testable import Protean

@Suite struct WeightNetTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int?
        var kernel = 3
        var stride = 1
        var expansion = 2
        var parts = 2

        var testDescription: String {
            "\(input)->\(outputs ?? 0) k\(kernel) s\(stride) M\(expansion) G\(parts)"
        }

        func layer() throws -> WeightNet {
            try DynamicLayerValues.spread(
                WeightNet(
                    inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                    stride: stride, attentionChannels: 5, expansion: expansion, parts: parts))
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 6], outputs: 17),
        Case(input: [1, 9, 12, 32], outputs: 33),
        Case(input: [2, 8, 5, 4], outputs: 7, kernel: 1, stride: 2),
        // Parts that end within a channel's kernel.
        Case(input: [2, 6, 7, 3], outputs: 5, expansion: 9, parts: 9),
        Case(input: [1, 6, 7, 7], outputs: 3, kernel: 2, expansion: 4, parts: 4),
        Case(input: [3, 5, 6, 6], outputs: 4, stride: 2, expansion: 6, parts: 3),
        Case(input: [2, 5, 6, 1], outputs: 1, expansion: 3, parts: 1),
        Case(input: [3, 7, 8, 17], outputs: nil),
        Case(input: [1, 7, 8, 33], outputs: nil, kernel: 5, stride: 2),
        Case(input: [2, 4, 5, 7], outputs: nil, expansion: 6, parts: 2),
        Case(input: [0, 4, 5, 6], outputs: 3), Case(input: [0, 4, 5, 7], outputs: nil),
    ]

    /// The kernels of all samples from the definition: `wn_fc2` as a grouped linear layer.
    static func kernels(_ layer: WeightNet, _ vector: Tensor) throws -> [Double] {
        let logits = DynamicLayerValues.linear(
            vector.elements.map(Double.init), try DynamicLayerValues.values(layer, "wn_fc1.weight"),
            inputs: layer.attentionChannels,
            bias: try DynamicLayerValues.values(layer, "wn_fc1.bias"))
        let sigmoids = logits.map { 1 / (1 + exp(-$0)) }
        let depth = layer.expansion / layer.parts
        let weights = try DynamicLayerValues.values(layer, "wn_fc2.weight")
        let batch = vector.shape[0], total = weights.count / depth
        let each = sigmoids.count / max(batch, 1), groups = each / depth
        return (0..<batch).flatMap { sample in
            (0..<total).map { index in
                let group = index / (total / groups)
                return (0..<depth).reduce(0.0) {
                    $0 + sigmoids[sample * each + group * depth + $1] * weights[index * depth + $1]
                }
            }
        }
    }

    @Test(arguments: cases) func agreesWithGeneratedKernelsInDouble(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let vector = try Tensor.random([test.input[0], 5], seed: 9)
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: Self.kernels(layer, vector), perSample: true)
        let largest = reference.sums.reduce(1) { max($0, abs($1)) }
        try MapTest.everywhere {
            try layer(x, attention: vector)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, reference.sums, tolerance: 1e-5 * largest,
                "\(isa)")
        }
    }

    @Test(arguments: cases) func aNormAResidualAndAnActivationAreApplied(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let vector = try Tensor.random([test.input[0], 5], seed: 9)
        let plain = try layer(x, attention: vector)
        let norm = try DynamicLayerValues.spread(BatchNorm2d(channels: plain.shape[3]))
        let fused = try #require(try layer.folding(norm))
        let residual = try Tensor.random(plain.shape, seed: 4)
        let largest = plain.elements.reduce(1) { max($0, abs($1)) }
        for after in [false, true] {
            let epilogue = Conv2dEpilogue(
                activation: .relu, residual: residual, residualAfterActivation: after)
            let expected = try epilogue.applied(to: norm(plain), layer: "test")
            let found = try fused(x, with: [vector], epilogue: epilogue)
            #expect(try found.maximumDifference(from: expected) < 2e-5 * largest)
        }
        let gate = Conv2dEpilogue(
            gate: try Tensor.random([plain.shape[0], plain.shape[3]], seed: 3))
        let expected = try gate.applied(to: plain, layer: "test")
        #expect(
            try layer(x, attention: vector, epilogue: gate).maximumDifference(from: expected)
                < 1e-5 * largest)
    }

    /// A bias so large that all sigmoids are 1.
    @Test func sigmoidsOfOneGiveTheStaticConvolution() throws {
        for outputs in [5, nil] {
            let layer = try WeightNet(inputChannels: 6, outputChannels: outputs, kernelSize: 3)
            let bias = try #require(layer.parameter(at: "wn_fc1.bias"))
            try bias.set(Tensor(repeating: 60, shape: bias.shape))
            let plain = try Conv2d(
                weight: layer.weight.value.reshaped(to: layer.geometry.weightShape), padding: 1,
                groups: layer.geometry.groups)
            let x = try Tensor.random([2, 8, 9, 6]), vector = try Tensor.random([2, 16])
            let y = try layer(x, attention: vector)
            #expect(try y.maximumDifference(from: plain(x)) < 1e-5)
            // Nothing is added in the depthwise form.
            if outputs == nil { #expect(y.isBitEqual(to: try plain(x))) }
        }
    }

    @Test func changedWeightsAreUsed() throws {
        let layer = try Self.cases[0].layer(), x = try Tensor.random([1, 5, 4, 6])
        let vector = try Tensor.random([1, 5])
        for path in ["wn_fc1.weight", "wn_fc1.bias", "wn_fc2.weight"] {
            let before = try layer(x, attention: vector)
            let parameter = try #require(layer.parameter(at: path))
            try parameter.set(Tensor.random(parameter.shape, seed: 99))
            #expect(!(try layer(x, attention: vector).isBitEqual(to: before)), "\(path)")
        }
    }

    @Test func namesAndWidthsAreTheReferences() throws {
        let dense = try WeightNet(inputChannels: 320, outputChannels: 6, kernelSize: 3)
        #expect(
            dense.allParameters().map { "\($0.name) \($0.parameter.shape)" } == [
                "wn_fc1.weight [12, 20, 1, 1]", "wn_fc1.bias [12]",
                "wn_fc2.weight [17280, 1, 1, 1]",
            ])
        let depthwise = try WeightNet(inputChannels: 24, outputChannels: nil, kernelSize: 5)
        #expect(
            depthwise.allParameters().map { "\($0.name) \($0.parameter.shape)" } == [
                "wn_fc1.weight [24, 16, 1, 1]", "wn_fc1.bias [24]",
                "wn_fc2.weight [600, 1, 1, 1]",
            ])
    }

    @Test func aBlockSharesItsReduction() throws {
        let reduction = try DynamicLayerValues.spread(
            WeightNetReduction(channels: 6, reducedChannels: 5))
        let layer = try Self.cases[0].layer()
        let block = try SelfConditioned(layer, as: "wnet1", from: [("gap", reduction)])
        let x = try Tensor.random([2, 5, 4, 6])
        let vector = DynamicLayerValues.linear(
            DynamicLayerValues.pooled(x),
            try DynamicLayerValues.values(reduction, "reduce.weight"), inputs: 6,
            bias: try DynamicLayerValues.values(reduction, "reduce.bias"))
        let expected = try layer(
            x, attention: Tensor(vector.map(Float.init), shape: [2, 5]))
        #expect(try block(x).maximumDifference(from: expected) < 1e-5)
        #expect(try WeightNetReduction(channels: 320).reducedChannels == 20)
        #expect(throws: ProteanError.self) { try reduction(Tensor(zeros: [1, 2, 2, 5])) }
        #expect(throws: ProteanError.self) { try WeightNetReduction(channels: 0) }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func refuses(_ option: String, _ make: () throws -> WeightNet) {
            let error = #expect(throws: ProteanError.self) { _ = try make() }
            guard case .invalidOption(_, option, _, _)? = error else {
                Issue.record("\(option): \(String(describing: error))")
                return
            }
        }
        refuses("parts") {
            try WeightNet(inputChannels: 3, outputChannels: 2, kernelSize: 3)
        }
        refuses("parts") {
            try WeightNet(inputChannels: 4, outputChannels: 2, kernelSize: 3, parts: 0)
        }
        refuses("expansion") {
            try WeightNet(inputChannels: 4, outputChannels: 2, kernelSize: 3, expansion: 3)
        }
        refuses("kernelSize") {
            try WeightNet(inputChannels: 4, outputChannels: 2, kernelSize: 0)
        }
        refuses("stride") {
            try WeightNet(inputChannels: 4, outputChannels: 2, kernelSize: 3, stride: .max)
        }
        refuses("attentionChannels") {
            try WeightNet(
                inputChannels: 4, outputChannels: 2, kernelSize: 3, attentionChannels: 0)
        }
        refuses("inputChannels") {
            try WeightNet(inputChannels: 0, outputChannels: 2, kernelSize: 3)
        }
        let layer = try Self.cases[0].layer(), x = try Tensor(zeros: [2, 5, 5, 6])
        for shape in [[2, 4], [1, 5], [10]] {
            #expect(throws: ProteanError.self) {
                try layer(x, attention: Tensor(zeros: shape))
            }
        }
        #expect(throws: ProteanError.self) {
            try layer(Tensor(zeros: [2, 5, 5, 4]), attention: Tensor(zeros: [2, 5]))
        }
        #expect(throws: ProteanError.self) { try layer(x, with: [], epilogue: Conv2dEpilogue()) }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        func cost(_ layer: WeightNet) throws -> (shape: [Int], multiplyAdds: Int) {
            let trace = Trace()
            let y = try trace.recording {
                try layer(
                    Tensor(shapeOnly: [2, 5, 7, 6]), attention: Tensor(shapeOnly: [2, 16]))
            }
            return (y.shape, trace.totalCost.multiplyAdds)
        }
        let exact = try cost(
            WeightNet(inputChannels: 6, outputChannels: 4, kernelSize: 3, stride: 2))
        #expect(exact.shape == [2, 3, 4, 4])
        #expect(exact.multiplyAdds == 2 * (12 * 4 * 54 + 8 * 16))
        let general = try cost(
            WeightNet(inputChannels: 6, outputChannels: 4, kernelSize: 3, expansion: 4))
        #expect(general.multiplyAdds == 2 * (35 * 4 * 54 + 16 * 16 + 2 * 4 * 54))
    }
}
