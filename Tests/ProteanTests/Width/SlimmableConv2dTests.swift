import Testing

@testable import Protean

@Suite struct SlimmableConv2dTests {
    private func layer(depthwise: Bool = false, kernel: Int = 3) throws -> SlimmableConv2d {
        let layer = try SlimmableConv2d(
            inputs: [12, 20, 24], outputs: depthwise ? nil : [10, 32], kernelSize: Size2d(kernel),
            padding: .symmetric(kernel / 2), bias: true, hasNorm: true, activation: .relu, seed: 3)
        for (index, named) in layer.allParameters().enumerated()
        where named.parameter.shape.count == 1 {
            let low: Float = named.name.hasSuffix("running_var") ? 0.5 : -0.5
            try named.parameter.set(
                Initializer.uniform(
                    named.parameter.shape, in: low...(low + 1), seed: UInt64(index)))
        }
        return layer
    }

    /// The whole convolution on an input with zeros, the first channels of its result, normed with the
    /// width's statistics.
    private func reference(_ layer: SlimmableConv2d, _ x: Tensor, _ width: Int) throws -> Tensor {
        let missing = layer.inputs[2] - x.shape[3]
        let wide = try Operations.subsampleAndPadChannels(x, stride: 1, before: 0, after: missing)
        let y = try Operations.slice(
            try layer.convolution(wide), [.all, .all, .all, AxisSlice(0..<width)])
        let index = try #require(layer.outputs.firstIndex(of: width))
        let last = layer.outputs.count - 1
        func value(_ name: String) throws -> [Double] {
            try #require(layer.parameter(at: "norm.aux_bn.\(name)")).value.elements.map(Double.init)
        }
        let mean = try value("\(index).running_mean"), variance = try value("\(index).running_var")
        let weight = try value("\(last).weight"), bias = try value("\(last).bias")
        let values = y.elements.enumerated().map { position, element -> Float in
            let c = position % width
            let normed = (Double(element) - mean[c]) / (variance[c] + 1e-5).squareRoot()
            return Float(max(0, normed * weight[c] + bias[c]))
        }
        return try Tensor(values, shape: y.shape)
    }

    @Test func equalsTheWholeLayerWithZeros() throws {
        for (depthwise, kernel) in [(false, 3), (false, 1), (true, 3)] {
            let layer = try layer(depthwise: depthwise, kernel: kernel)
            for inputs in layer.inputs {
                for width in depthwise ? [inputs] : layer.outputs {
                    for batch in [0, 1, 3] {
                        let x = try Tensor.random([batch, 6, 9, inputs], seed: 5)
                        let expected = try reference(layer, x, width)
                        try MapTest.everywhere({ try layer(x, width: width) }) { isa, y in
                            MapTest.expect(
                                y, shape: expected.shape, expected.elements.map(Double.init),
                                tolerance: 1e-5, "\(isa) \(inputs) \(width)")
                        }
                    }
                }
            }
        }
    }

    @Test func executedIsTheWidthsCost() throws {
        let layer = try layer(kernel: 1)
        let trace = Trace()
        _ = try trace.recording { try layer(Tensor(zeros: [2, 4, 5, 12]), width: 10) }
        #expect(trace.totalCost.executedMultiplyAdds == 2 * 20 * 120)
        #expect(trace.totalCost.multiplyAdds == 2 * 20 * 24 * 32)
    }

    @Test func refusesOtherWidths() throws {
        let layer = try layer()
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 4, 13]), width: 10) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 4, 12]), width: 11) }
        for widths in [[], [0, 2], [3, 3], [4, 2]] {
            #expect(throws: ProteanError.self) {
                try SlimmableConv2d(inputs: widths, outputs: [2], kernelSize: 1)
            }
        }
    }

    @Test func newWeightsAreUsed() throws {
        let layer = try layer(kernel: 1)
        let x = try Tensor.random([1, 2, 2, 12])
        _ = try layer(x, width: 10)
        try layer.convolution.weight.set(Tensor(zeros: [32, 24, 1, 1]))
        let expected = try reference(layer, x, 10)
        #expect(try layer(x, width: 10).maximumDifference(from: expected) < 1e-6)
    }
}
