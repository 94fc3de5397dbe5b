import Testing

@testable import Protean

@Suite struct GroupNormTests {
    /// Shapes and groups: widths around the vectors' lengths, narrow maps whose pixels share rows, and
    /// maps large enough for several blocks and threads.
    static let cases: [([Int], Int)] = [
        ([1, 5, 4, 3], 1), ([3, 7, 3, 3], 3), ([2, 4, 5, 17], 17), ([2, 6, 3, 33], 11),
        ([1, 1, 1, 8], 2), ([2, 9, 7, 1], 1), ([1, 3, 2, 130], 5), ([1, 13, 11, 48], 8),
        ([2, 23, 29, 64], 32), ([1, 67, 61, 7], 7), ([3, 6, 10], 5), ([4, 12], 3),
        ([1, 40, 41, 260], 4),
    ]

    private func loaded(_ channels: Int, groups: Int, eps: Double = 1e-5) throws -> GroupNorm {
        let layer = try GroupNorm(groups: groups, channels: channels, eps: eps)
        try layer.weight?.set(try Tensor.random([channels], seed: 8))
        try layer.bias?.set(try Tensor.random([channels], seed: 9))
        return layer
    }

    @Test(arguments: cases)
    func agreesWithLoopsInDoublePrecision(shape: [Int], groups: Int) throws {
        let layer = try loaded(shape[shape.count - 1], groups: groups)
        let x = try MapTest.tensor(shape, seed: 3)
        let expected = groupNormReference(
            x, groups: groups, weight: layer.weight?.value.elements,
            bias: layer.bias?.value.elements, eps: 1e-5)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
        }
    }

    /// A float beside 10⁴ has steps of 10⁻³, but those that are there must be normalised exactly.
    @Test(arguments: [([2, 20, 21, 6], 2), ([1, 15, 18, 64], 64), ([1, 64, 65, 3], 1)])
    func meansMayBeLargeBesideTheVariance(shape: [Int], groups: Int) throws {
        for mean: Float in [1e4, -1e4, 3e5] {
            let noise = MapTest.values(shape.reduce(1, *), seed: 5, range: 1.732)
            let x = try Tensor(noise.map { $0 + mean }, shape: shape)
            let layer = try loaded(shape[3], groups: groups)
            let expected = groupNormReference(
                x, groups: groups, weight: layer.weight?.value.elements,
                bias: layer.bias?.value.elements, eps: 1e-5)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa) \(mean)")
            }
        }
    }

    /// Channels of one group at different levels, and an outlier in the first pixel.
    @Test func channelsOfAGroupMayDifferInSize() throws {
        var x = try MapTest.tensor([1, 17, 19, 4], seed: 6)
        try x.withUnsafeMutableBufferPointer { values in
            for i in values.indices { values[i] += Float(i % 4) * 1000 }
            values[0] = 1e6
        }
        let layer = try GroupNorm(groups: 2, channels: 4, affine: false)
        let expected = groupNormReference(x, groups: 2, eps: 1e-5)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: x.shape, expected, tolerance: 2e-6, "\(isa)")
        }
    }

    @Test func aConstantGroupBecomesItsBias() throws {
        let layer = try loaded(6, groups: 3)
        let x = try Tensor(repeating: 0.1, shape: [1, 9, 11, 6])
        let bias = try #require(layer.bias).value.elements
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            let expected = (0..<x.count).map { Double(bias[$0 % 6]) }
            MapTest.expect(y, shape: x.shape, expected, tolerance: 1e-6, "\(isa)")
        }
    }

    @Test func withoutParametersTheyCountAsOneAndZero() throws {
        let x = try MapTest.tensor([2, 5, 6, 12], seed: 2)
        let plain = try GroupNorm(groups: 4, channels: 12, affine: false)
        #expect(plain.parameters.isEmpty)
        #expect(try plain(x).isBitEqual(to: GroupNorm(groups: 4, channels: 12)(x)))
    }

    @Test func anActivationIsAppliedInTheSamePass() throws {
        let layer = try loaded(10, groups: 5)
        let x = try MapTest.tensor([1, 7, 6, 10], seed: 2)
        let plain = try layer(x).elements
        #expect(try layer(x, activation: .relu).elements == plain.map { max($0, 0) })
    }

    @Test func nanSpoilsItsGroupOnly() throws {
        let layer = try GroupNorm(groups: 3, channels: 6)
        for bad in [Float.nan, .infinity] {
            var x = try MapTest.tensor([2, 3, 4, 6], seed: 1)
            try x.withUnsafeMutableBufferPointer { $0[2 * 6 + 3] = bad }
            try MapTest.everywhere {
                try layer(x)
            } check: { _, y in
                for (i, value) in y.elements.enumerated() {
                    #expect(value.isNaN == (i < 72 && (i % 6) / 2 == 1), "\(i)")
                }
            }
        }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try GroupNorm(groups: 2, channels: 6)
        #expect(try layer.outputShape(for: [2, 5, 7, 6]) == [2, 5, 7, 6])
        #expect(try layer(Tensor(zeros: [0, 5, 7, 6])).shape == [0, 5, 7, 6])
        #expect(try layer(Tensor(zeros: [2, 0, 7, 6])).shape == [2, 0, 7, 6])
        let cost = try layer.cost(for: [2, 5, 7, 6])
        #expect(cost.multiplyAdds == 3 * 2 * 5 * 7 * 6)
        #expect((cost.parameters, cost.buffers) == (12, 0))
        #expect(layer.parameters.map(\.name) == ["weight", "bias"])
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
    }

    @Test func refusals() throws {
        #expect(
            throws: ProteanError.invalidOption(
                layer: "GroupNorm", option: "groups", expected: "a divisor of the 6 channels",
                found: "4")
        ) { try GroupNorm(groups: 4, channels: 6) }
        #expect(throws: ProteanError.self) { try GroupNorm(groups: 0, channels: 6) }
        #expect(throws: ProteanError.self) { try GroupNorm(groups: 1, channels: 0) }
        #expect(throws: ProteanError.self) { try GroupNorm(groups: 1, channels: 6, eps: -1) }
        #expect(throws: ProteanError.self) { try GroupNorm(groups: 1, channels: 6, eps: .nan) }
        let layer = try GroupNorm(groups: 2, channels: 6)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 5])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [6])) }
        let x = try Tensor(zeros: [1, 2, 2, 6])
        #expect(throws: ProteanError.self) { try Operations.groupNorm(x, groups: 5) }
        #expect(throws: ProteanError.self) {
            try Operations.groupNorm(x, groups: 2, weight: Tensor(zeros: [5]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.groupNorm(x, groups: 2, bias: Tensor(zeros: [1, 6]))
        }
    }
}
