import Foundation
import Testing

@testable import Protean

@Suite struct AdaptiveInferenceGateTests {
    @Test func adaptiveInference() throws {
        let gate = try AdaptiveInferenceGate(channels: 7, hidden: 5)
        try gate.randomise()
        for batch in [0, 1, 3] {
            let x = try Tensor.random([batch, 5, 9, 7], seed: 6)
            func expected(_ row: Int) throws -> Double {
                let means = try DepthGateReference.Map(x, row).means
                var hidden = try DepthGateReference.product(
                    #require(gate.module(at: "fc1")), means)
                let norm = try #require(gate.module(at: "fc1bn") as? BatchNorm2d)
                let (scale, shift) = try norm.scaleAndShift()
                for k in hidden.indices {
                    hidden[k] = max(
                        hidden[k] * Double(scale.elements[k]) + Double(shift.elements[k]), 0)
                }
                let scores = try DepthGateReference.product(
                    #require(gate.module(at: "fc2")), hidden)
                return 1 / (1 + exp(scores[0] - scores[1]))
            }
            try DepthGateReference.check(expected, batch) { try gate(x) }
        }
    }

    @Test func blocksAreOpenAtFirst() throws {
        let gate = try AdaptiveInferenceGate(channels: 16)
        let scores = try gate(Tensor.random([5, 8, 6, 16])).elements
        for row in 0..<5 { #expect(abs(scores[2 * row + 1] - 0.870) < 2e-3) }
    }

    @Test func shapesAndCosts() throws {
        let gate = try AdaptiveInferenceGate(channels: 32)
        #expect(try gate.outputShape(for: [5, 8, 8, 32]) == [5, 2])
        #expect(try gate.cost(for: [2, 8, 8, 32]).multiplyAdds == 2 * 16 * (32 + 2))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try AdaptiveInferenceGate(channels: 0) }
        expectRefusal(of: "hidden") { _ = try AdaptiveInferenceGate(channels: 3, hidden: 0) }
        let gate = try AdaptiveInferenceGate(channels: 3)
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 4, 4, 4])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 4, 0, 3])) }
    }
}
