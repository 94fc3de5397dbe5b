import Foundation
import Testing

@testable import Protean

@Suite struct AdaFrameTests {
    static func network(
        margin: Float, patience: Int = 2, steps: Int = 6
    ) throws -> (AdaFrame, CountingLayer) {
        let encoder = CountingLayer(try FrameNetworks.encoder(5, seed: 2))
        let network = try AdaFrame(
            light: FrameNetworks.encoder(4, seed: 1), encoder: encoder, lightFeatures: 4,
            features: 5, hiddenSize: 6, attentionSize: 4, classes: 3, memory: 4,
            stopping: .init(steps: steps, margin: margin, patience: patience), seed: 11)
        try #require(network.parameter(at: "selection.weight")).set(
            MapTest.tensor([1, 6], seed: 3, range: 9))
        return (network, encoder)
    }

    @Test func aRowHasTheBitsThatItHasAlone() throws {
        let (network, encoder) = try Self.network(margin: 0.0005, patience: 1)
        let x = try FrameNetworks.videos(5, 20)
        try MapTest.everywhere {
            try network.run(x).logits
        } check: { _, logits in
            for row in 0..<5 {
                let alone = try network.run(x.sample(row))
                let own = try logits.sample(row)
                MapTest.expect(
                    alone.logits, shape: [1, 3], own.elements.map(Double.init), tolerance: 1e-4)
            }
        }
        let before = encoder.rows.value
        let all = try network.run(x)
        #expect(encoder.rows.value - before == all.frames.reduce(0) { $0 + $1.count })
        for row in 0..<5 {
            let alone = try network.run(x.sample(row))
            let own = try all.logits.sample(row)
            #expect(alone.logits.isBitEqual(to: own))
            #expect(alone.frames[0] == all.frames[row])
            #expect(alone.executed[0] == all.executed[row])
        }
        #expect(all.frames.allSatisfy { $0[0] == 0 && $0.count <= 6 })
    }

    /// The attention of a step in double precision, through a network that sees nothing else.
    @Test func oneStepFollowsItsFormula() throws {
        let (network, _) = try Self.network(margin: 9, steps: 1)
        let x = try FrameNetworks.videos(1, 8)
        let cell = try #require(network.module(at: "rnn") as? LSTMCell)
        let key = try JumpPoliciesTests.part(network, "key")
        let query = try JumpPoliciesTests.part(network, "query")
        let light = try #require(network.module(at: "light") as? any Layer)
        let zero = [Double](repeating: 0, count: 6)
        let asked = JumpPoliciesTests.linear(query, zero)
        var scores: [Double] = [], values: [[Double]] = []
        for place in 0..<4 {
            let value = try light(FrameNetworks.frame(x, 0, place * 2)).elements.map(Double.init)
            values.append(value)
            var own = JumpPoliciesTests.linear(key, value)
            for pair in 0..<2 {
                let angle = Double(place) * pow(10_000, -Double(pair) / 2)
                own[2 * pair] += sin(angle)
                own[2 * pair + 1] += cos(angle)
            }
            scores.append(zip(own, asked).reduce(0) { $0 + $1.0 * $1.1 })
        }
        let powers = scores.map { exp($0) }, sum = powers.reduce(0, +)
        let seen = (0..<4).map { f in (0..<4).reduce(0.0) { $0 + powers[$1] / sum * values[$1][f] }
        }
        let encoder = try #require(network.module(at: "encoder") as? CountingLayer)
        let frame = try encoder.inner(FrameNetworks.frame(x, 0, 0)).elements
        var executed = [0]
        let next = try cell.step(
            Tensor(frame + seen.map { Float($0) }, shape: [1, 9]), cell.zeroState(batch: 1),
            executed: &executed)
        let head = try JumpPoliciesTests.part(network, "prediction")
        let expected = try head(next[0]).elements.map(Double.init)
        MapTest.expect(try network.run(x).logits, shape: [1, 3], expected, tolerance: 1e-5)
    }

    @Test func patienceAndMarginDecideWhenToStop() throws {
        let x = try FrameNetworks.videos(3, 20)
        // A utility is always at least 0 below its best.
        let (eager, _) = try Self.network(margin: 0, patience: 3)
        #expect(try eager.run(x).frames.map(\.count) == [3, 3, 3])
        let (patient, _) = try Self.network(margin: 1_000)
        #expect(try patient.run(x).frames.map(\.count) == [6, 6, 6])
        #expect(throws: ProteanError.self) { try patient.run(Tensor(zeros: [1, 0, 4, 4, 3])) }
        #expect(try patient.run(Tensor(zeros: [0, 2, 4, 4, 3])).logits.shape == [0, 3])
        #expect(throws: ProteanError.self) { try Self.network(margin: .nan) }
        #expect(throws: ProteanError.self) { try Self.network(margin: 1, patience: 0) }
    }
}
