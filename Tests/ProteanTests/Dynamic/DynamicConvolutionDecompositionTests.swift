import Foundation
import Testing

@testable import Protean

@Suite struct DynamicConvolutionDecompositionTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var variant = DynamicConvolutionDecomposition.Variant.pointwise
        var kernel: Int?
        var stride = 1
        var reduction = 8

        var testDescription: String { "\(variant) \(input)->\(outputs) s\(stride)" }

        func layer() throws -> DynamicConvolutionDecomposition {
            try DynamicLayerValues.spread(
                DynamicConvolutionDecomposition(
                    inputChannels: input[3], outputChannels: outputs, variant: variant,
                    kernelSize: kernel, stride: stride, reduction: reduction))
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 17], outputs: 17), Case(input: [1, 4, 9, 3], outputs: 33),
        Case(input: [2, 1, 1, 7], outputs: 8, reduction: 3), Case(input: [2, 5, 3, 1], outputs: 1),
        Case(input: [2, 6, 7, 7], outputs: 5, variant: .basic),
        Case(input: [3, 9, 6, 3], outputs: 17, variant: .basic, stride: 2),
        Case(input: [1, 5, 8, 33], outputs: 7, variant: .bottleneck, kernel: 1),
        Case(input: [2, 9, 7, 17], outputs: 4, variant: .bottleneck, kernel: 5, stride: 2),
        Case(input: [0, 5, 8, 3], outputs: 4), Case(input: [0, 5, 8, 3], outputs: 4, variant: .basic),
    ]

    private static func doubledHardSigmoid(_ z: Double) -> Double { min(max(z + 3, 0), 6) / 3 }

    /// The definition with the per-sample matrices written out; `[batch, height', width', out]`.
    private static func reference(
        _ layer: DynamicConvolutionDecomposition, _ x: Tensor, outputs: Int
    ) throws -> (shape: [Int], values: [Double]) {
        typealias Values = DynamicLayerValues
        let inputs = x.shape[3], batch = x.shape[0], rank = layer.rank
        let prefix = layer.variant == .pointwise ? "conv_" : ""
        let cells =
            layer.variant == .basic || layer.variant == .pointwise && inputs < outputs ? 2 : 1
        let squeezed = try #require(layer.parameter(at: "fc.0.weight")).shape[0]
        let w = Values.linear(
            Values.pooled(x, cells: cells), try Values.values(layer, "fc.0.weight"),
            inputs: inputs * cells * cells)
        let gates = Values.linear(
            w, try Values.values(layer, "fc.1.fc.0.weight"), inputs: squeezed)
        let v = zip(w, gates).map { $0 * doubledHardSigmoid($1) }
        let phi = Values.linear(v, try Values.values(layer, "fc_phi.weight"), inputs: squeezed)
        let scales = Values.linear(
            v, try Values.values(layer, "fc_scale.weight"), inputs: squeezed
        ).map(doubledHardSigmoid)

        let conv = try #require(layer.module(at: "conv") as? Conv2d)
        let narrow = try #require(layer.module(at: prefix + "q") as? Conv2d)
        let main = try Conv2dReference(
            conv.geometry, x: x, weights: Values.values(layer, "conv.weight"))
        let reduced = try Conv2dReference(
            narrow.geometry, x: x, weights: Values.values(layer, prefix + "q.weight"))
        let u = try Values.norm(layer, "bn1", reduced.sums)
        let rows = u.count / rank, perSample = batch == 0 ? 0 : rows / batch
        var products: [Double] = []
        for row in 0..<rows {
            let start = row / perSample * rank * rank
            for i in 0..<rank {
                products.append(
                    (0..<rank).reduce(0) { $0 + phi[start + i * rank + $1] * u[row * rank + $1] })
            }
        }
        let normed = try Values.norm(layer, "bn2", products)
        let widened = Values.linear(
            zip(normed, u).map(+), try Values.values(layer, prefix + "p.weight"), inputs: rank)
        let values = main.sums.enumerated().map { index, sum in
            let sample = index / (perSample * outputs)
            return scales[sample * outputs + index % outputs] * sum + widened[index]
        }
        return (main.outputShape, values)
    }

    @Test(arguments: cases) func agreesWithDoubleLoops(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let expected = try Self.reference(layer, x, outputs: test.outputs)
        let largest = expected.values.reduce(1) { max($0, abs($1)) }
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: expected.shape, expected.values, tolerance: 1e-5 * largest, "\(isa)")
        }
    }

    @Test(arguments: cases) func aNormAResidualAndAnActivationAreApplied(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let plain = try layer(x)
        let norm = try DynamicLayerValues.spread(BatchNorm2d(channels: plain.shape[3]))
        let fused = try layer.folding(norm)
        let residual = try Tensor.random(plain.shape, seed: 4)
        let largest = plain.elements.reduce(1) { max($0, abs($1)) }
        for after in [false, true] {
            let epilogue = Conv2dEpilogue(
                activation: .relu6, residual: residual, residualAfterActivation: after)
            let expected = try epilogue.applied(to: norm(plain), layer: "test")
            let found = try fused(x, epilogue: epilogue)
            #expect(try found.maximumDifference(from: expected) < 1e-5 * largest)
        }
        let gate = Conv2dEpilogue(
            gate: try Tensor.random([plain.shape[0], plain.shape[3]], seed: 3))
        let expected = try gate.applied(to: plain, layer: "test")
        #expect(
            try layer(x, epilogue: gate).maximumDifference(from: expected) < 1e-5 * largest)
    }

    /// Without matrices and with scales of Hs(0) = 1 the layer is static.
    @Test func aHeadOfZerosGivesTheStaticConvolution() throws {
        let layer = try Self.cases[5].layer()
        for path in ["fc_phi.weight", "fc_scale.weight", "bn2.bias", "bn2.running_mean"] {
            let parameter = try #require(layer.parameter(at: path))
            try parameter.set(Tensor(zeros: parameter.shape))
        }
        func part<Part>(_ name: String) throws -> Part {
            try #require(layer.module(at: name) as? Part)
        }
        let (conv, q, p): (Conv2d, Conv2d, Conv2d) = try (part("conv"), part("q"), part("p"))
        let norm: BatchNorm2d = try part("bn1")
        let x = try Tensor.random([2, 7, 9, 3])
        let expected = try Operations.add(conv(x), p(norm(q(x))))
        #expect(try layer(x).maximumDifference(from: expected) < 1e-5)
    }

    @Test func changedParametersAreUsed() throws {
        for test in [Self.cases[1], Self.cases[4]] {
            let layer = try test.layer(), x = try Tensor.random(test.input)
            let norm = try DynamicLayerValues.spread(BatchNorm2d(channels: test.outputs))
            let fused = try layer.folding(norm)
            for named in layer.allParameters() + norm.allParameters() {
                let before = try fused(x, epilogue: Conv2dEpilogue())
                let isVariance = named.name.hasSuffix("running_var")
                try named.parameter.set(
                    Initializer.uniform(
                        named.parameter.shape, in: isVariance ? 2...3 : -0.5...0.5, seed: 77))
                let after = try fused(x, epilogue: Conv2dEpilogue())
                #expect(!after.isBitEqual(to: before), "\(named.name)")
            }
        }
    }

    @Test func namesAndWidthsAreTheReferences() throws {
        func list(_ layer: DynamicConvolutionDecomposition) -> [String] {
            layer.allParameters().filter { !$0.name.contains("bn") }.map {
                "\($0.name) \($0.parameter.shape)"
            }
        }
        let growing = try DynamicConvolutionDecomposition(inputChannels: 32, outputChannels: 192)
        #expect(
            list(growing) == [
                "conv.weight [192, 32, 1, 1]", "conv_q.weight [16, 32, 1, 1]",
                "fc.0.weight [32, 128]", "fc.1.fc.0.weight [32, 32]", "fc_phi.weight [256, 32]",
                "fc_scale.weight [192, 32]", "conv_p.weight [192, 16, 1, 1]",
            ])
        let shrinking = try DynamicConvolutionDecomposition(inputChannels: 192, outputChannels: 64)
        // 32² exceeds 2 · 192, so the reduction doubles.
        #expect(shrinking.rank == 16)
        let basic = try DynamicConvolutionDecomposition(
            inputChannels: 64, outputChannels: 128, variant: .basic, stride: 2)
        #expect(
            list(basic) == [
                "conv.weight [128, 64, 3, 3]", "q.weight [16, 64, 1, 1]",
                "p.weight [128, 16, 1, 1]", "fc.0.weight [16, 256]", "fc.1.fc.0.weight [16, 16]",
                "fc_phi.weight [256, 16]", "fc_scale.weight [128, 16]",
            ])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func refuses(
            _ option: String, inputs: Int = 16, outputs: Int = 16,
            _ variant: DynamicConvolutionDecomposition.Variant = .pointwise, kernel: Int? = nil,
            stride: Int = 1, padding: Int? = nil, reduction: Int = 8
        ) {
            let error = #expect(throws: ProteanError.self) {
                try DynamicConvolutionDecomposition(
                    inputChannels: inputs, outputChannels: outputs, variant: variant,
                    kernelSize: kernel, stride: stride, padding: padding, reduction: reduction)
            }
            guard case .invalidOption(_, option, _, _)? = error else {
                Issue.record("\(option): \(String(describing: error))")
                return
            }
        }
        refuses("inputChannels", inputs: 0)
        refuses("inputChannels", inputs: .max)
        refuses("inputChannels", inputs: 15, .bottleneck)
        refuses("outputChannels", outputs: 0)
        refuses("kernelSize", kernel: 3)
        refuses("kernelSize", .basic, kernel: 1)
        refuses("kernelSize", .bottleneck, kernel: 0)
        refuses("stride", stride: 2)
        refuses("stride", .basic, stride: 0)
        refuses("padding", .basic, padding: 0)
        refuses("padding", .bottleneck, padding: -1)
        refuses("reduction", reduction: 0)
        let layer = try Self.cases[0].layer()
        for shape in [[1, 4, 4, 16], [4, 4, 17], [1, 0, 4, 17]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
        // The convolution's result is smaller than the projection's.
        let odd = try DynamicConvolutionDecomposition(
            inputChannels: 16, outputChannels: 4, variant: .bottleneck, kernelSize: 3, padding: 0)
        #expect(throws: ProteanError.self) { try odd(Tensor(zeros: [1, 6, 6, 16])) }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try DynamicConvolutionDecomposition(
            inputChannels: 4, outputChannels: 6, variant: .basic, stride: 2)
        #expect(try layer.outputShape(for: [2, 7, 8, 4]) == [2, 4, 4, 6])
        let pixels = 16, head = 16 * 4 + 4 * 4 + 4 * 16 + 4 * 6
        #expect(
            try layer.cost(for: [2, 7, 8, 4]).multiplyAdds
                == 2 * (pixels * (6 * 36 + 4 * (4 + 4 + 6)) + head))
        #expect(try layer.trace(for: [1, 7, 8, 4]).totalCost.parameters == layer.parameterCount)
    }

    @Test func notANumberStaysInItsSample() throws {
        let layer = try Self.cases[0].layer()
        var values = try Tensor.random([2, 7, 5, 17]).elements
        values[3] = .nan
        let y = try layer(Tensor(values, shape: [2, 7, 5, 17]))
        #expect(try y.sample(0).elements.contains { $0.isNaN })
        #expect(try y.sample(1).elements.allSatisfy { $0.isFinite })
    }
}
