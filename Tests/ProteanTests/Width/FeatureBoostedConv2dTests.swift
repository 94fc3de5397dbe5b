import Testing

@testable import Protean

@Suite struct FeatureBoostedConv2dTests {
    private func layer(
        _ inputs: Int, _ outputs: Int, density: Double,
        saliency: FeatureBoostedConv2d.Saliency = .mean,
        variant: FeatureBoostedConv2d.Variant = .reference, stride: Int = 1
    ) throws -> FeatureBoostedConv2d {
        let layer = try FeatureBoostedConv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3,
            stride: Size2d(stride), padding: 1, density: density, saliency: saliency,
            variant: variant, seed: 3)
        for parameter in layer.allParameters() {
            let shape = parameter.parameter.shape
            if parameter.name.hasSuffix("running_var") || parameter.name == "bn.weight" {
                try parameter.parameter.set(Initializer.uniform(shape, in: 0.5...1.5, seed: 8))
            } else if shape.count == 1 && parameter.name != "bias" {
                try parameter.parameter.set(Initializer.uniform(shape, in: -0.5...0.5, seed: 7))
            } else if parameter.name == "weights" {
                try parameter.parameter.set(Initializer.uniform(shape, in: -2...2, seed: 6))
            }
        }
        return layer
    }

    private func values(_ layer: FeatureBoostedConv2d, _ name: String) throws -> [Double] {
        try #require(layer.parameter(at: name)).value.elements.map { Double($0) }
    }

    /// The gains by their definition, in double precision.
    private func gains(_ layer: FeatureBoostedConv2d, _ x: Tensor) throws -> [[Double]] {
        let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
        let weights = try values(layer, "weights"), bias = try values(layer, "bias")
        let all = x.elements.map { Double($0) }
        return (0..<n).map { sample in
            let saliency = (0..<c).map { channel in
                let own = (0..<pixels).map { all[(sample * pixels + $0) * c + channel] }
                return switch layer.saliency {
                case .mean: own.reduce(0, +) / Double(pixels)
                case .maximum: own.max() ?? 0
                case .l1: own.reduce(0) { $0 + abs($1) } / Double(pixels)
                case .l2: own.reduce(0) { $0 + $1 * $1 } / Double(pixels)
                }
            }
            return bias.indices.map { k in
                max(0, (0..<c).reduce(bias[k]) { $0 + weights[k * c + $1] * saliency[$1] })
            }
        }
    }

    /// Everything dense, then masked.
    private func reference(_ layer: FeatureBoostedConv2d, _ x: Tensor) throws -> [Double] {
        let conv = try #require(layer.module(at: "conv") as? Conv2d)
        let norm = try #require(layer.module(at: "bn") as? BatchNorm2d)
        let y = try norm(try conv(x)), k = y.shape[3]
        let beta = layer.variant == .reference ? try values(layer, "beta") : nil
        let gains = try gains(layer, x), each = y.count / max(y.shape[0], 1)
        let winners = gains.map { row -> Set<Int> in
            let sorted = row.sorted(by: >)
            switch layer.variant {
            case .reference:
                let keep = Int((layer.density * Double(k)).rounded(.up))
                return Set(row.indices.filter { keep >= k || row[$0] > sorted[keep] })
            case .boostedNorm:
                let order = row.indices.sorted {
                    row[$0] != row[$1] ? row[$0] > row[$1] : $0 < $1
                }
                return Set(order.prefix(Int(layer.density * Double(k))))
            }
        }
        return y.elements.enumerated().map { index, value in
            let (sample, channel) = (index / each, index % k)
            guard winners[sample].contains(channel) else { return 0 }
            return max(0, gains[sample][channel] * Double(value) + (beta?[channel] ?? 0))
        }
    }

    @Test(arguments: FeatureBoostedConv2d.Variant.allCases)
    func equalsTheMaskedDenseLayer(_ variant: FeatureBoostedConv2d.Variant) throws {
        for (inputs, outputs, density, batch, stride) in [
            (3, 20, 0.5, 3, 1), (17, 33, 0.3, 7, 2), (16, 24, 1.0, 2, 1), (5, 6, 0.01, 1, 1),
            (8, 16, 0.5, 0, 1),
        ] {
            for saliency in FeatureBoostedConv2d.Saliency.allCases {
                let layer = try layer(
                    inputs, outputs, density: density, saliency: saliency, variant: variant,
                    stride: stride)
                let x = try Tensor.random([batch, 9, 7, inputs], seed: 5)
                let expected = try reference(layer, x)
                try MapTest.everywhere({ try layer(x) }) { isa, y in
                    MapTest.expect(
                        y, shape: [batch, (8 + stride) / stride, (6 + stride) / stride, outputs],
                        expected, tolerance: 2e-5, "\(isa) \(inputs) \(saliency)")
                }
            }
        }
    }

    @Test func suppressedChannelsAreNeitherComputedNorRead() throws {
        let first = try layer(8, 24, density: 0.5), second = try layer(24, 40, density: 0.25)
        let x = try Tensor.random([3, 10, 6, 8])
        let trace = Trace()
        let map = try trace.recording { try second(try first(SelectedMap(x))) }
        let dense = try second(try first(x))
        #expect(try map.map().maximumDifference(from: dense) < 1e-5)
        var expected = 0
        for index in 0..<3 {
            let inner = try first(SelectedMap(x.sample(index))).sample(0).channels?.count ?? 24
            let outer = try map.sample(index).channels?.count ?? 40
            #expect(inner <= 12 && outer <= 10 && inner > 0 && outer > 0)
            expected += 60 * 9 * (8 * inner + inner * outer) + 8 * 24 + 24 * 40
        }
        #expect(trace.totalCost.executedMultiplyAdds == expected)
        #expect(trace.executed(batch: 3).reduce(0, +) == expected)
        for index in 0..<3 {
            let alone = Trace()
            _ = try alone.recording { try second(try first(SelectedMap(x.sample(index)))) }
            #expect(
                alone.totalCost.executedMultiplyAdds == trace.executed(batch: 3)[index])
        }
        #expect(trace.totalCost.multiplyAdds == 3 * (60 * 9 * (8 * 24 + 24 * 40) + 8 * 24 + 24 * 40))
    }

    @Test(arguments: [0.3, 0.7, 1.0]) func aSamplesBitsDoNotDependOnItsBatch(_ density: Double) throws {
        let layer = try layer(12, 30, density: density)
        let x = try Tensor.random([7, 11, 8, 12], seed: 12)
        let all = try layer(x)
        for index in 0..<7 {
            #expect(try layer(x.sample(index)).isBitEqual(to: all.sample(index)))
        }
        let order = [3, 0, 6, 1, 5, 2, 4]
        let permuted = try layer(Operations.indexSelect(x, axis: 0, indices: order))
        for (position, index) in order.enumerated() {
            #expect(try permuted.sample(position).isBitEqual(to: all.sample(index)))
        }
    }

    @Test func tiesAtTheLimitAreDropped() throws {
        let layer = try FeatureBoostedConv2d(
            inputChannels: 2, outputChannels: 4, kernelSize: 1, density: 0.5)
        try #require(layer.parameter(at: "weights")).set(Tensor(zeros: [4, 2]))
        try #require(layer.parameter(at: "bias")).set(Tensor([2, 1, 1, 0], shape: [4]))
        let map = try layer(SelectedMap(Tensor.random([1, 3, 3, 2])))
        #expect(try map.sample(0).channels == [0])
        try #require(layer.parameter(at: "bias")).set(Tensor([1, 1, 1, 1], shape: [4]))
        let none = try layer(SelectedMap(Tensor.random([1, 3, 3, 2])))
        #expect(try none.sample(0).channels == [])
        #expect(try none.map().elements.allSatisfy { $0 == 0 })
        // A layer without input channels gives the constants of its winners.
        let next = try self.layer(4, 6, density: 0.5)
        let found = try next(none).map(), dense = try next(Tensor(zeros: [1, 3, 3, 4]))
        #expect(try found.maximumDifference(from: dense) < 1e-6)
    }

    @Test func shapesAndRefusals() throws {
        let layer = try layer(6, 8, density: 0.5, stride: 2)
        #expect(try layer.outputShape(for: [2, 9, 8, 6]) == [2, 5, 4, 8])
        #expect(try layer.cost(for: [1, 8, 8, 6]).multiplyAdds == 16 * 9 * 48 + 48)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 8, 8, 5])) }
        #expect(throws: ProteanError.self) { try layer(SelectedMap(Tensor(zeros: [1, 8, 8, 5]))) }
        for density in [0, -1, 1.5, Double.nan] {
            #expect(throws: ProteanError.self) {
                try FeatureBoostedConv2d(
                    inputChannels: 2, outputChannels: 4, kernelSize: 1, density: density)
            }
        }
    }
}
