import Testing

@testable import Protean

@Suite struct LayerNormTests {
    @Test(arguments: [1, 3, 7, 16, 17, 33, 100], [0, 1, 3])
    func agreesWithDoubleLoopsEverywhere(channels: Int, batch: Int) throws {
        let norm = try LayerNorm(channels: channels, epsilon: 1e-3)
        try norm.weight.set(Tensor.random([channels], seed: 2))
        try norm.bias.set(Tensor.random([channels], seed: 3))
        let x = try MapTest.tensor([batch, 5, 9, channels])
        let (w, b) = (norm.weight.value.elements, norm.bias.value.elements)
        var expected: [Double] = []
        for row in 0..<batch * 45 {
            let values = x.elements[row * channels..<(row + 1) * channels].map(Double.init)
            let mean = values.reduce(0, +) / Double(channels)
            let variance =
                values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
            for (c, value) in values.enumerated() {
                let scaled = (value - mean) / (variance + Double(Float(1e-3))).squareRoot()
                expected.append(max(scaled * Double(w[c]) + Double(b[c]), 0))
            }
        }
        try MapTest.everywhere {
            try norm(x, activation: .relu)
        } check: { isa, y in
            MapTest.expect(y, shape: x.shape, expected, tolerance: 3e-6, "\(isa)")
        }
    }

    @Test func rowsMayLieInAnyShape() throws {
        let norm = try LayerNorm(channels: 5)
        let x = try Tensor.random([2, 3, 4, 5])
        let rows = try norm(x.reshaped(to: [24, 5]))
        for shape in [[2, 3, 4, 5], [6, 4, 5], [1, 1, 2, 12, 5]] {
            let y = try norm(x.reshaped(to: shape))
            #expect(y.shape == shape && y.elements == rows.elements)
        }
    }

    @Test func aConstantRowGivesTheBias() throws {
        let norm = try LayerNorm(channels: 3)
        try norm.bias.set(Tensor([1, 2, 3], shape: [3]))
        #expect(try norm(Tensor(repeating: 7, shape: [2, 3])).elements == [1, 2, 3, 1, 2, 3])
    }

    @Test func oneValueThatIsNotANumberSpoilsItsRowOnly() throws {
        let y = try LayerNorm(channels: 2)(Tensor([1, 2, .nan, 2, 3, 4], shape: [3, 2]))
        #expect(y.elements.map(\.isNaN) == [false, false, true, true, false, false])
    }

    @Test func costAndShapeNeedNoValues() throws {
        let norm = try LayerNorm(channels: 5)
        #expect(try norm.outputShape(for: [0, 3, 4, 5]) == [0, 3, 4, 5])
        let cost = try norm.cost(for: [2, 3, 4, 5])
        #expect(cost == Cost(multiplyAdds: 360, parameters: 10, bytes: (240 + 10) * 4))
        #expect(norm.allParameters().map(\.name) == ["weight", "bias"])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try LayerNorm(channels: 0) }
        for epsilon in [-1, .nan, .infinity] as [Float] {
            expectRefusal(of: "epsilon") { _ = try LayerNorm(channels: 3, epsilon: epsilon) }
        }
        let norm = try LayerNorm(channels: 3)
        expectMismatch(of: "x") { _ = try norm(Tensor(zeros: [2, 4])) }
        expectMismatch(of: "x") { _ = try norm(Tensor(zeros: [])) }
    }
}
