import Foundation
import Testing

@testable import Protean

@Suite struct RecurrentGateTests {
    @Test(arguments: RecurrentGate.Projection.allCases) func recurrent(
        _ projection: RecurrentGate.Projection
    ) throws {
        let gate = try RecurrentGate(inputSize: 6, hiddenSize: 5, projection: projection)
        try gate.randomise()
        let names = gate.allParameters().map(\.name)
        #expect(
            names == [
                "rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0",
                "proj.weight", "proj.bias",
            ])
        let shape = try #require(gate.parameter(at: "proj.weight")).shape
        #expect(shape == (projection == .linear ? [1, 5] : [1, 5, 1, 1]))
        let steps = try (0..<4).map { try Tensor.random([3, 6], seed: UInt64($0)) }
        func values(_ name: String) throws -> [Double] {
            try #require(gate.parameter(at: name)).value.elements.map(Double.init)
        }
        let (input, hidden) = (try values("rnn.weight_ih_l0"), try values("rnn.weight_hh_l0"))
        let biases = zip(try values("rnn.bias_ih_l0"), try values("rnn.bias_hh_l0")).map(+)
        func expected(_ row: Int, step: Int) throws -> Double {
            var h = [Double](repeating: 0, count: 5), c = h
            for x in steps[...step] {
                let x = try x.sample(row).elements.map(Double.init)
                var gates: [Double] = biases
                for k in 0..<20 {
                    for i in 0..<6 { gates[k] += input[k * 6 + i] * x[i] }
                    for i in 0..<5 { gates[k] += hidden[k * 5 + i] * h[i] }
                }
                func sigmoid(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
                for u in 0..<5 {
                    c[u] = sigmoid(gates[5 + u]) * c[u] + sigmoid(gates[u]) * tanh(gates[10 + u])
                    h[u] = sigmoid(gates[15 + u]) * tanh(c[u])
                }
            }
            let score = try DepthGateReference.product(#require(gate.module(at: "proj")), h)
            return 1 / (1 + exp(-score[0]))
        }
        for step in steps.indices {
            try DepthGateReference.check({ try expected($0, step: step) }, 3) {
                var state = try gate.initialState(for: [3, 6])
                var last = try Tensor(zeros: [0])
                for x in steps[...step] { last = try gate(x, state: &state) }
                return last
            }
        }
    }

    @Test func embeddingsAreMeansThroughAConvolution() throws {
        let embedding = try RecurrentGate.embedding(channels: 7, size: 3)
        try embedding.randomise()
        #expect(try embedding.outputShape(for: [2, 4, 4, 7]) == [2, 3])
        let x = try Tensor.random([3, 5, 4, 7])
        let found = try embedding(x).elements
        for row in 0..<3 {
            let wanted = try DepthGateReference.product(
                #require(embedding.module(at: "1")), DepthGateReference.Map(x, row).means)
            for k in 0..<3 { #expect(abs(Double(found[3 * row + k]) - wanted[k]) < 1e-5) }
        }
        expectMismatch(of: "x") { _ = try embedding(Tensor(zeros: [2, 0, 4, 7])) }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "hiddenSize") { _ = try RecurrentGate(hiddenSize: 0) }
        let gate = try RecurrentGate()
        var state = try gate.initialState(for: [2, 10])
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 9]), state: &state) }
        expectMismatch(of: "hidden") { _ = try gate(Tensor(zeros: [3, 10]), state: &state) }
    }
}
