import Foundation
import Testing

@testable import Protean

@Suite struct AdaptivelyConnectedConv2dTests {
    /// A layer whose every parameter has values of its own; variances are positive.
    private static func layer(
        _ inputs: Int, _ outputs: Int, _ form: AdaptivelyConnectedConv2d.Form, stride: Int = 1,
        bias: Bool? = nil
    ) throws -> AdaptivelyConnectedConv2d {
        let layer = try AdaptivelyConnectedConv2d(
            inputChannels: inputs, outputChannels: outputs, form: form, stride: stride, bias: bias)
        for (index, named) in layer.allParameters().enumerated() {
            let low: Float = named.name.hasSuffix("running_var") ? 0.5 : -1
            try named.parameter.set(
                Initializer.uniform(
                    named.parameter.shape, in: low...1.5, seed: UInt64(index + 1)))
        }
        return layer
    }

    /// The last step in double precision from the parts' own outputs.
    private static func finish(
        _ layer: AdaptivelyConnectedConv2d, _ sums: [Double], norm: String
    ) throws -> [Double] {
        func values(_ name: String) throws -> [Float] {
            try #require(layer.parameter(at: "\(norm).\(name)")).value.elements
        }
        let (weight, bias) = try (values("weight"), values("bias"))
        let (mean, variance) = try (values("running_mean"), values("running_var"))
        return sums.enumerated().map { index, sum in
            let c = index % weight.count
            let scale = Double(weight[c]) / (Double(variance[c]) + 1e-5).squareRoot()
            return max(0, (sum - Double(mean[c])) * scale + Double(bias[c]))
        }
    }

    private static func part<Part>(_ layer: AdaptivelyConnectedConv2d, _ name: String) throws
        -> Part
    {
        try #require(layer.module(at: name) as? Part)
    }

    private static func mean(
        _ layer: AdaptivelyConnectedConv2d, _ x: Tensor, _ second: String
    ) throws -> [Float] {
        let (a, b): (Linear, Linear) = try (part(layer, "fc1"), part(layer, second))
        return try b(a(Operations.globalAveragePool(x), activation: .relu)).elements
    }

    @Test(arguments: [1, 3, 7, 17, 33], [0, 1, 3])
    func datasetAwareAgreesWithDoubleLoops(channels: Int, batch: Int) throws {
        for stride in [1, 2] {
            let (h, w) = (stride == 1 ? 5 : 3, stride == 1 ? 8 : 4)
            let layer = try Self.layer(
                3, channels, .datasetAware(map: Size2d(height: h, width: w)), stride: stride)
            let x = try Tensor.random([batch, 5, 8, 3])
            let (near, own): (Conv2d, Conv2d) = try (
                Self.part(layer, "z3"), Self.part(layer, "z1")
            )
            let (a, b) = try (near(x).elements, own(x).elements)
            let g = try Self.mean(layer, x, "fc3")
            let logits = try #require(layer.parameter(at: "PPP")).value.elements.map(Double.init)
            let sums = a.indices.map { i -> Double in
                let p = i / channels % (h * w)
                let shares = (0..<3).map { exp(logits[$0 * h * w + p]) }
                let mean = g[i / (h * w * channels) * channels + i % channels]
                var sum = shares[0] * Double(a[i])
                sum += shares[1] * Double(b[i])
                sum += shares[2] * Double(mean)
                return sum / shares.reduce(0, +)
            }
            let expected = try Self.finish(layer, sums, norm: "sum.bn")
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: [batch, h, w, channels], expected, tolerance: 2e-5, "\(isa)")
            }
        }
    }

    @Test(arguments: [1, 3, 7, 17, 33], [0, 1, 3])
    func pixelAwareAgreesWithDoubleLoops(channels: Int, batch: Int) throws {
        for bias in [false, true] {
            let layer = try Self.layer(3, channels, .pixelAware, bias: bias)
            let x = try Tensor.random([batch, 5, 8, 3])
            let near: Conv2d = try Self.part(layer, "conv2")
            let z = try near(x).elements.map(Double.init)
            let g = try Self.mean(layer, x, "fc2").map(Double.init)
            let (mix, gate): (Conv2d, Conv2d) = try (
                Self.part(layer, "conv_c1"), Self.part(layer, "conv_c2")
            )
            func product(_ conv: Conv2d, _ row: [Double]) -> [Double] {
                let weight = conv.weight.value.elements, bias = conv.bias?.value.elements
                return (0..<channels).map { o in
                    row.indices.reduce(Double(bias?[o] ?? 0)) {
                        $0 + Double(weight[o * row.count + $1]) * row[$1]
                    }
                }
            }
            var sums: [Double] = []
            for pixel in 0..<batch * 40 {
                let here = Array(z[pixel * channels..<(pixel + 1) * channels])
                let mean = Array(g[pixel / 40 * channels..<(pixel / 40 + 1) * channels])
                let hidden = product(mix, here + mean).map { max(0, $0) }
                for (c, logit) in product(gate, hidden).enumerated() {
                    sums.append(here[c] + mean[c] / (1 + exp(-logit)))
                }
            }
            let expected = try Self.finish(layer, sums, norm: "conv2.bn")
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: [batch, 5, 8, channels], expected, tolerance: 5e-5, "\(isa)")
            }
        }
    }

    /// Large enough to be shared among threads.
    @Test func threadsDoNotChangeBits() throws {
        let x = try Tensor.random([3, 29, 31, 12])
        let forms: [AdaptivelyConnectedConv2d.Form] = [
            .datasetAware(map: Size2d(height: 29, width: 31)), .pixelAware,
        ]
        for form in forms {
            let layer = try Self.layer(12, 40, form)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                #expect(y.elements.allSatisfy { $0.isFinite }, "\(isa)")
            }
        }
    }

    @Test func namesAreTheReferences() throws {
        let fixed = try Self.layer(2, 3, .datasetAware(map: Size2d(height: 4, width: 5)))
        #expect(
            fixed.allParameters().map { "\($0.name) \($0.parameter.shape)" } == [
                "PPP [3, 1, 4, 5]", "z3.weight [3, 2, 3, 3]", "z3.bias [3]",
                "z1.weight [3, 2, 1, 1]", "z1.bias [3]", "fc1.weight [3, 2]", "fc1.bias [3]",
                "fc3.weight [3, 3]", "fc3.bias [3]", "sum.bn.weight [3]", "sum.bn.bias [3]",
                "sum.bn.running_mean [3]", "sum.bn.running_var [3]",
            ])
        let pixel = try Self.layer(2, 3, .pixelAware)
        #expect(
            pixel.allParameters().map(\.name) == [
                "conv2.weight", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias",
                "conv_c1.weight", "conv_c2.weight", "conv2.bn.weight", "conv2.bn.bias",
                "conv2.bn.running_mean", "conv2.bn.running_var",
            ])
        #expect(pixel.parameter(at: "conv_c1.weight")?.shape == [3, 6, 1, 1])
    }

    @Test func changedParametersAreUsed() throws {
        for (form, name) in [
            (AdaptivelyConnectedConv2d.Form.datasetAware(map: 4), "PPP"),
            (.pixelAware, "conv_c1.weight"),
        ] {
            let layer = try Self.layer(2, 3, form), x = try Tensor.random([1, 4, 4, 2])
            let before = try layer(x)
            let parameter = try #require(layer.parameter(at: name))
            try parameter.set(Tensor.random(parameter.shape, seed: 77))
            #expect(!(try layer(x).isBitEqual(to: before)))
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(throws: ProteanError.self) { try Self.layer(0, 3, .pixelAware) }
        #expect(throws: ProteanError.self) { try Self.layer(2, 3, .datasetAware(map: 0)) }
        #expect(throws: ProteanError.self) { try Self.layer(2, 3, .pixelAware, stride: 0) }
        let layer = try Self.layer(2, 3, .datasetAware(map: Size2d(height: 4, width: 5)))
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 5, 4, 2])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 5, 3])) }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let fixed = try Self.layer(2, 3, .datasetAware(map: 4), stride: 2)
        #expect(try fixed.outputShape(for: [2, 7, 8, 2]) == [2, 4, 4, 3])
        let pixel = try Self.layer(2, 3, .pixelAware, stride: 2)
        #expect(try pixel.outputShape(for: [2, 7, 9, 2]) == [2, 4, 5, 3])
        // 3 × 3, two linear layers, both halves of conv_c1, conv_c2, and 2 per output.
        let outputs = 20, perPixel = 18 + 3 + 3 + 2
        #expect(
            try pixel.cost(for: [1, 7, 9, 2]).multiplyAdds
                == outputs * 3 * perPixel + 3 * (2 + 3 + 3))
    }
}
