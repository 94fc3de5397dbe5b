import Foundation
import Testing

@testable import Protean

@Suite struct SemanticHashGateTests {
    @Test func scoresSaturateAndGatesAreBinary() throws {
        let gate = try SemanticHashGate(features: 6, bottleneck: 4, units: 9, seed: 2)
        let x = try MapTest.tensor([5, 6], range: 8)
        let encoder = try #require(gate.module(at: "encoder") as? Linear)
        let decoder = try #require(gate.module(at: "decoder") as? Linear)
        let logits = try decoder(try encoder(x, activation: .relu))
        let expected = logits.elements.map { value in
            min(1, max(0, 1.2 / (1 + exp(-Double(value))) - 0.1))
        }
        let scores = try gate.scores(x)
        MapTest.expect(scores, shape: [5, 9], expected)
        let gates = try gate(x)
        #expect(gates.elements == scores.elements.map { $0 > 0.5 ? 1 : 0 })
        #expect(Set(gates.elements) == [0, 1])
        #expect(try gate.cost(for: [1, 6]).multiplyAdds == 24 + 36)
    }

    @Test func theSaturatingSigmoidEndsAtTwoPointFour() throws {
        let gate = try SemanticHashGate(features: 1, bottleneck: 1, units: 4)
        try #require(gate.parameter(at: "encoder.weight")).set(Tensor([1], shape: [1, 1]))
        try #require(gate.parameter(at: "encoder.bias")).set(Tensor([0], shape: [1]))
        try #require(gate.parameter(at: "decoder.weight"))
            .set(Tensor([2.4, -2.4, 0.1, -0.1], shape: [4, 1]))
        try #require(gate.parameter(at: "decoder.bias")).set(Tensor(zeros: [4]))
        let scores = try gate.scores(Tensor([1], shape: [1, 1])).elements
        #expect(scores[0] == 1 && scores[1] == 0)
        #expect(try gate(Tensor([1], shape: [1, 1])).elements == [1, 0, 1, 0])
    }

    @Test func aRowsBitsDoNotDependOnItsBatch() throws {
        let gate = try SemanticHashGate(features: 20, bottleneck: 16, units: 40)
        let x = try Tensor.random([7, 20])
        let all = try gate.scores(x)
        for row in 0..<7 {
            #expect(try gate.scores(x.sample(row)).isBitEqual(to: all.sample(row)))
        }
        #expect(throws: ProteanError.self) { try gate(Tensor(zeros: [2, 19])) }
        #expect(throws: ProteanError.self) { try SemanticHashGate(features: 0, units: 1) }
    }
}
