import Testing

@testable import Protean

@Suite struct InstanceNorm2dTests {
    @Test(arguments: [
        [1, 5, 4, 1], [3, 7, 3, 3], [2, 4, 5, 17], [1, 33, 31, 64], [2, 50, 47, 7],
    ])
    func agreesWithLoopsInDoublePrecision(shape: [Int]) throws {
        let layer = try InstanceNorm2d(channels: shape[3], eps: 1e-3, affine: true)
        try layer.weight?.set(try Tensor.random([shape[3]], seed: 8))
        try layer.bias?.set(try Tensor.random([shape[3]], seed: 9))
        for mean: Float in [0, 1e4] {
            let values = MapTest.values(shape.reduce(1, *), seed: 4)
            let x = try Tensor(values.map { $0 + mean }, shape: shape)
            let expected = groupNormReference(
                x, groups: shape[3], weight: layer.weight?.value.elements,
                bias: layer.bias?.value.elements, eps: 1e-3)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
            }
        }
    }

    @Test func byDefaultItHasNoParameters() throws {
        let layer = try InstanceNorm2d(channels: 3)
        #expect(layer.parameters.isEmpty)
        let x = try MapTest.tensor([2, 6, 5, 3], seed: 1)
        let expected = groupNormReference(x, groups: 3, eps: 1e-5)
        MapTest.expect(try layer(x), shape: x.shape, expected, tolerance: 2e-6)
    }

    @Test func storedStatisticsMakeItABatchNorm() throws {
        for affine in [false, true] {
            let layer = try InstanceNorm2d(
                channels: 5, eps: 0.01, affine: affine, tracksRunningStatistics: true)
            let norm = try BatchNorm2d(channels: 5, eps: 0.01, affine: affine)
            let names = layer.parameters.map(\.name)
            #expect(names == (affine ? ["weight", "bias"] : []) + ["running_mean", "running_var"])
            for (i, name) in names.enumerated() {
                let value = try Initializer.uniform([5], in: 0.5...2, seed: UInt64(i))
                try layer.parameter(at: name)?.set(value)
                try norm.parameter(at: name)?.set(value)
            }
            let x = try MapTest.tensor([2, 3, 4, 5], seed: 2)
            #expect(try layer(x).isBitEqual(to: norm(x)))
            #expect((layer.parameterCount, layer.bufferCount) == (affine ? 10 : 0, 10))
            // A single pixel has a mean and a variance then.
            #expect(try layer(Tensor(zeros: [1, 1, 1, 5])).shape == [1, 1, 1, 5])
        }
    }

    @Test func anActivationIsAppliedInTheSamePass() throws {
        for tracks in [false, true] {
            let layer = try InstanceNorm2d(channels: 4, tracksRunningStatistics: tracks)
            let x = try MapTest.tensor([1, 7, 6, 4], seed: 2)
            let plain = try layer(x).elements
            #expect(try layer(x, activation: .relu).elements == plain.map { max($0, 0) })
        }
    }

    @Test func nanSpoilsItsChannelOnly() throws {
        let layer = try InstanceNorm2d(channels: 5)
        var x = try MapTest.tensor([2, 3, 4, 5], seed: 1)
        try x.withUnsafeMutableBufferPointer { $0[7] = .nan }
        for (i, value) in try layer(x).elements.enumerated() {
            #expect(value.isNaN == (i < 60 && i % 5 == 2), "\(i)")
        }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try InstanceNorm2d(channels: 6, affine: true)
        #expect(try layer.outputShape(for: [2, 5, 7, 6]) == [2, 5, 7, 6])
        #expect(try layer(Tensor(zeros: [0, 5, 7, 6])).shape == [0, 5, 7, 6])
        let cost = try layer.cost(for: [2, 5, 7, 6])
        #expect((cost.multiplyAdds, cost.parameters) == (3 * 2 * 5 * 7 * 6, 12))
        let stored = try InstanceNorm2d(channels: 6, tracksRunningStatistics: true)
        let free = try stored.cost(for: [2, 5, 7, 6])
        #expect((free.multiplyAdds, free.buffers) == (0, 12))
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try InstanceNorm2d(channels: 0) }
        #expect(throws: ProteanError.self) { try InstanceNorm2d(channels: 2, eps: -1e-5) }
        let layer = try InstanceNorm2d(channels: 2)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 3])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [4, 2])) }
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "InstanceNorm2d", tensor: "x",
                expected: "more than one pixel: a single one has no deviations",
                found: [3, 1, 1, 2])
        ) { try layer(Tensor(zeros: [3, 1, 1, 2])) }
    }
}
