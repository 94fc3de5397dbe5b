import Testing

@testable import Protean

@Suite struct FiLMTests {
    static func reference(_ x: Tensor, _ gammas: [Float], _ betas: [Float]) -> [Double] {
        let c = x.shape[x.rank - 1], perSample = x.shape[0] == 0 ? 1 : x.count / x.shape[0]
        return x.elements.enumerated().map { i, value in
            let at = i / perSample * c + i % c
            return Double(gammas[at]) * Double(value) + Double(betas[at])
        }
    }

    @Test(arguments: [
        [3, 5, 7, 17], [1, 9, 4, 1], [2, 3, 5, 33], [0, 2, 3, 7], [4, 3], [2, 40, 37, 12],
        [3, 6, 130],
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int]) throws {
        let rows = [shape[0], shape[shape.count - 1]]
        let layer = try FiLM(channels: rows[1]), x = try MapTest.tensor(shape, seed: 3)
        let gammas = try MapTest.tensor(rows, seed: 4), betas = try MapTest.tensor(rows, seed: 5)
        let expected = Self.reference(x, gammas.elements, betas.elements)
        for activation in [Activation.identity, .relu] {
            let wanted = activation == .relu ? expected.map { max($0, 0) } : expected
            try MapTest.everywhere {
                try layer(x, gammas: gammas, betas: betas, activation: activation)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, wanted, tolerance: 2e-6, "\(isa)")
            }
        }
    }

    @Test func conditionsGiveGammasAndBetas() throws {
        let layer = try FiLM(channels: 5, conditionFeatures: 3, offset: 1, seed: 4)
        let x = try Tensor.random([2, 3, 4, 5]), condition = try Tensor.random([2, 3], seed: 9)
        let (gammas, betas) = try layer.modulation(of: condition)
        let plain = try Operations.matmul(
            condition, layer.allParameters()[0].parameter.value, transposeB: true)
        let bias = layer.allParameters()[1].parameter.value.elements, sums = plain.elements
        for n in 0..<2 {
            for c in 0..<5 {
                let gamma = sums[n * 10 + c] + bias[c] + 1
                let beta = sums[n * 10 + 5 + c] + bias[5 + c]
                #expect(abs(gammas.elements[n * 5 + c] - gamma) < 1e-5)
                #expect(abs(betas.elements[n * 5 + c] - beta) < 1e-5)
            }
        }
        #expect(
            try layer(x, condition: condition).isBitEqual(
                to: layer(x, gammas: gammas, betas: betas)))
        #expect(layer.allParameters().map(\.name) == ["film.weight", "film.bias"])
    }

    @Test func onesAndZerosKeepTheMap() throws {
        let x = try Tensor.random([2, 3, 4, 5]), layer = try FiLM(channels: 5)
        let ones = try Tensor(repeating: 1, shape: [2, 5])
        #expect(
            try layer(x, gammas: ones, betas: Tensor(zeros: [2, 5])).elements == x.elements)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try FiLM(channels: 0) }
        expectRefusal(of: "conditionFeatures") {
            _ = try FiLM(channels: 3, conditionFeatures: 0)
        }
        expectRefusal(of: "offset") {
            _ = try FiLM(channels: 3, conditionFeatures: 2, offset: .nan)
        }
        let layer = try FiLM(channels: 5), rows = try Tensor(zeros: [2, 5])
        let x = try Tensor(zeros: [2, 3, 4, 5])
        expectMismatch(of: "x") {
            _ = try layer(Tensor(zeros: [2, 3, 4]), gammas: rows, betas: rows)
        }
        expectMismatch(of: "gammas") {
            _ = try layer(x, gammas: Tensor(zeros: [1, 5]), betas: rows)
        }
        expectMismatch(of: "betas") { _ = try layer(x, gammas: rows, betas: Tensor(zeros: [5])) }
        expectRefusal(of: "conditionFeatures") { _ = try layer(x, condition: rows) }
        let conditioned = try FiLM(channels: 5, conditionFeatures: 3)
        expectMismatch(of: "condition") { _ = try conditioned(x, condition: rows) }
        expectMismatch(of: "shift") {
            _ = try Operations.scaleShift(x, scale: rows, shift: Tensor(zeros: [5]))
        }
    }

    @Test func shapesTravelWithoutValues() throws {
        let layer = try FiLM(channels: 5, conditionFeatures: 3)
        let y = try layer(
            Tensor(shapeOnly: [2, 3, 4, 5]), condition: Tensor(shapeOnly: [2, 3]))
        #expect(y.isShapeOnly && y.shape == [2, 3, 4, 5])
    }
}
