import Testing

@testable import Protean

@Suite struct LiteEvalTests {
    @Test func theDearNetworkSeesTheChosenFrames() throws {
        var looks = 0
        for seed in UInt64(1)...6 { looks += try look(seed: seed) }
        #expect(looks > 0 && looks < 6 * 40)
    }

    /// Compares a network with a loop over rows and frames; returns how many frames it saw finely.
    private func look(seed: UInt64) throws -> Int {
        let coarse = try FrameNetworks.encoder(4, seed: 1)
        let fine = CountingLayer(try FrameNetworks.encoder(6, seed: 2))
        let network = try LiteEval(
            coarse: coarse, fine: fine, coarseFeatures: 4, fineFeatures: 6, coarseSize: 3,
            fineSize: 5, classes: 2, seed: 7)
        try #require(network.parameter(at: "gate.weight")).set(
            MapTest.tensor([2, 10], seed: seed, range: 4))
        let coarseCell = try #require(network.module(at: "coarse_rnn") as? LSTMCell)
        let fineCell = try #require(network.module(at: "fine_rnn") as? LSTMCell)
        let gate = try JumpPoliciesTests.part(network, "gate")
        let x = try FrameNetworks.videos(5, 8)
        let result = try network.run(x)
        #expect(fine.rows.value == result.fine.reduce(0) { $0 + $1.count })
        let looks = fine.rows.value
        for row in 0..<5 {
            var states = (
                try coarseCell.zeroState(batch: 1), try fineCell.zeroState(batch: 1)
            )
            var seen: [Int] = [], executed = [0]
            for step in 0..<8 {
                let frame = try FrameNetworks.frame(x, row, step)
                let c = try coarse(frame).reshaped(to: [1, 4])
                states.0 = try coarseCell.step(c, states.0, executed: &executed)
                let input = ([c] + states.0).flatMap { $0.elements.map(Double.init) }
                if JumpPoliciesTests.argmax(JumpPoliciesTests.linear(gate, input)) == 1 {
                    seen.append(step)
                    let f = try fine.inner(frame).reshaped(to: [1, 6])
                    states.1 = try fineCell.step(f, states.1, executed: &executed)
                } else {
                    for i in 0..<2 {
                        let rest = states.1[i].elements[3...]
                        states.1[i] = try Tensor(states.0[i].elements + rest, shape: [1, 5])
                    }
                }
            }
            #expect(result.fine[row] == seen)
            let head = try JumpPoliciesTests.part(network, "classifier")
            let own = try result.logits.sample(row)
            let logits = try head(states.1[0])
            #expect(logits.isBitEqual(to: own))
            let fixed = 8 * (64 * 27 * 4 + 2 * 10) + 10
            #expect(result.executed[row] == executed[0] + fixed + seen.count * 64 * 27 * 6)
        }
        return looks
    }

    @Test func emptyBatchesAndMisfits() throws {
        let coarse = try FrameNetworks.encoder(4, seed: 1)
        let fine = try FrameNetworks.encoder(6, seed: 2)
        let network = try LiteEval(
            coarse: coarse, fine: fine, coarseFeatures: 4, fineFeatures: 6, coarseSize: 3,
            fineSize: 5, classes: 2, seed: 7)
        #expect(try network.run(Tensor(zeros: [0, 3, 4, 4, 3])).logits.shape == [0, 2])
        #expect(throws: ProteanError.self) { try network.run(Tensor(zeros: [1, 4, 4, 3])) }
        #expect(throws: ProteanError.self) {
            try LiteEval(
                coarse: coarse, fine: fine, coarseFeatures: 4, fineFeatures: 6, coarseSize: 6,
                fineSize: 5, classes: 2)
        }
    }
}
