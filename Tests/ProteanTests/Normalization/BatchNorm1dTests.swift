import Testing

@testable import Protean

@Suite struct BatchNorm1dTests {
    private func loaded(_ channels: Int, affine: Bool = true) throws -> BatchNorm1d {
        let layer = try BatchNorm1d(channels: channels, eps: 1e-3, affine: affine)
        for (i, named) in layer.parameters.enumerated() {
            let range: ClosedRange<Float> = named.name == "running_var" ? 0.5...2 : -1...1
            try named.parameter.set(
                try Initializer.uniform([channels], in: range, seed: UInt64(i + 3)))
        }
        return layer
    }

    @Test(arguments: [[1, 1], [3, 17], [2, 5, 3], [1, 9, 33], [4, 7], [2, 600, 48]])
    func agreesWithLoopsInDoublePrecision(shape: [Int]) throws {
        for affine in [true, false] {
            let c = shape[shape.count - 1]
            let layer = try loaded(c, affine: affine)
            let x = try MapTest.tensor(shape, seed: 2)
            let w = layer.weight?.value.elements, b = layer.bias?.value.elements
            let m = layer.runningMean.value.elements, v = layer.runningVar.value.elements
            let expected = x.elements.enumerated().map { i, value in
                (Double(value) - Double(m[i % c])) / (Double(v[i % c]) + 1e-3).squareRoot()
                    * Double(w?[i % c] ?? 1) + Double(b?[i % c] ?? 0)
            }
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 1e-6, "\(isa)")
            }
        }
    }

    @Test func aMapOfOneRowGivesTheSameBits() throws {
        let layer = try loaded(7)
        let flat = try BatchNorm2d(channels: 7, eps: 1e-3)
        for named in layer.parameters {
            try flat.parameter(at: named.name)?.set(named.parameter.value)
        }
        let x = try MapTest.tensor([2, 6, 7], seed: 4)
        let y = try flat(try x.reshaped(to: [2, 1, 6, 7]))
        #expect(try layer(x).isBitEqual(to: y.reshaped(to: [2, 6, 7])))
    }

    @Test func parametersHavePyTorchsNamesAndOrder() throws {
        let layer = try BatchNorm1d(channels: 4)
        #expect(layer.parameters.map(\.name) == ["weight", "bias", "running_mean", "running_var"])
        #expect((layer.parameterCount, layer.bufferCount) == (8, 8))
        let plain = try BatchNorm1d(channels: 4, affine: false)
        #expect(plain.parameters.map(\.name) == ["running_mean", "running_var"])
    }

    @Test func anActivationIsApplied() throws {
        let layer = try loaded(5)
        let x = try MapTest.tensor([3, 5], seed: 2)
        let plain = try layer(x).elements
        #expect(try layer(x, activation: .relu).elements == plain.map { max($0, 0) })
    }

    @Test func nanStaysWhereItIs() throws {
        let layer = try loaded(5)
        var x = try MapTest.tensor([3, 5], seed: 1)
        try x.withUnsafeMutableBufferPointer { $0[7] = .nan }
        let y = try layer(x).elements
        #expect(y.indices.filter { y[$0].isNaN } == [7])
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try BatchNorm1d(channels: 6)
        #expect(try layer.outputShape(for: [2, 5, 6]) == [2, 5, 6])
        #expect(try layer.outputShape(for: [2, 6]) == [2, 6])
        #expect(try layer(Tensor(zeros: [0, 6])).shape == [0, 6])
        let cost = try layer.cost(for: [2, 5, 6])
        #expect((cost.multiplyAdds, cost.parameters, cost.buffers) == (0, 12, 12))
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
    }

    @Test func refusals() throws {
        #expect(
            throws: ProteanError.invalidOption(
                layer: "BatchNorm1d", option: "channels", expected: "1...16777216", found: "0")
        ) { try BatchNorm1d(channels: 0) }
        #expect(throws: ProteanError.self) { try BatchNorm1d(channels: 2, eps: -1) }
        let layer = try BatchNorm1d(channels: 2)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 2])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [3, 3])) }
    }
}
