import Testing

@testable import Protean

@Suite struct RMSNormTests {
    private func reference(_ x: Tensor, _ weight: [Float]?, eps: Double) -> [Double] {
        let c = x.shape[x.rank - 1]
        let values = x.elements
        return values.indices.map { i in
            let row = values[(i / c * c)..<(i / c * c + c)]
            let square = row.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(c)
            return Double(values[i]) / (square + eps).squareRoot() * Double(weight?[i % c] ?? 1)
        }
    }

    @Test(arguments: [
        [1, 1], [3, 3], [2, 5, 7], [4, 17], [1, 6, 5, 33], [7, 64], [2, 130], [3, 2, 300],
        [900, 48],
    ])
    func agreesWithLoopsInDoublePrecision(shape: [Int]) throws {
        let channels = shape[shape.count - 1]
        let layer = try RMSNorm(channels: channels, eps: 1e-3)
        try layer.weight?.set(try Tensor.random([channels], seed: 5))
        let x = try MapTest.tensor(shape, seed: 6)
        let expected = reference(x, layer.weight?.value.elements, eps: 1e-3)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-6, "\(isa)")
        }
    }

    @Test func theDefaultEpsilonIsThatOfAFloat() throws {
        let layer = try RMSNorm(channels: 4)
        #expect(layer.eps == 0x1p-23)
        // Small enough for it to decide: 2⁻²³ beside a mean square of 2⁻²².
        let x = try Tensor(repeating: 0x1p-11, shape: [1, 4])
        MapTest.expect(
            try layer(x), shape: [1, 4], reference(x, nil, eps: 0x1p-23), tolerance: 1e-6)
    }

    @Test func aRowOfOneSizeBecomesItsSigns() throws {
        let layer = try RMSNorm(channels: 3, eps: 0, affine: false)
        #expect(layer.parameters.isEmpty)
        #expect(try layer(Tensor([2, -2, 2], shape: [1, 3])).elements == [1, -1, 1])
    }

    @Test func anActivationIsApplied() throws {
        let layer = try RMSNorm(channels: 10)
        let x = try MapTest.tensor([3, 10], seed: 2)
        let plain = try layer(x).elements
        #expect(try layer(x, activation: .relu).elements == plain.map { max($0, 0) })
    }

    @Test func nanSpoilsItsRowOnly() throws {
        let layer = try RMSNorm(channels: 5)
        var x = try MapTest.tensor([3, 5], seed: 1)
        try x.withUnsafeMutableBufferPointer { $0[7] = .nan }
        for (i, value) in try layer(x).elements.enumerated() {
            #expect(value.isNaN == (i / 5 == 1))
        }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try RMSNorm(channels: 6)
        #expect(try layer.outputShape(for: [2, 5, 6]) == [2, 5, 6])
        #expect(try layer(Tensor(zeros: [0, 6])).shape == [0, 6])
        let cost = try layer.cost(for: [2, 5, 6])
        #expect((cost.multiplyAdds, cost.parameters) == (2 * 60, 6))
        #expect(layer.channelFlow == .fixed(input: 6, output: 6))
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try RMSNorm(channels: 0) }
        #expect(throws: ProteanError.self) { try RMSNorm(channels: 2, eps: -1) }
        #expect(throws: ProteanError.self) { try RMSNorm(channels: 2, eps: .infinity) }
        let layer = try RMSNorm(channels: 2)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 3])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(repeating: 1, shape: [])) }
        #expect(throws: ProteanError.self) {
            try Operations.rmsNorm(Tensor(zeros: [1, 3]), weight: Tensor(zeros: [2]))
        }
    }
}
