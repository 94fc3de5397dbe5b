import Testing

@testable import Protean

@Suite struct ARNetTests {
    static func network(leaps: Bool, seed: UInt64 = 1) throws -> (ARNet, [CountingLayer]) {
        let parts = try [4, 6, 5].enumerated().map {
            CountingLayer(try FrameNetworks.encoder($0.element, seed: UInt64($0.offset)))
        }
        let network = try ARNet(
            light: .init(parts[0], features: 4, resolution: 5),
            backbones: [
                .init(parts[1], features: 6, resolution: 8),
                .init(parts[2], features: 5, resolution: 6),
            ], classes: 3, hiddenSize: 7, leaps: leaps, seed: seed)
        try #require(network.parameter(at: "linear.weight")).set(
            MapTest.tensor([6, 7], seed: seed &+ 4, range: 6))
        return (network, parts)
    }

    /// The reference's loop for one video: every frame by every network, then the mean of the chosen.
    static func reference(
        _ network: ARNet, _ x: Tensor, _ row: Int, leaps: Bool
    ) throws -> (actions: [Int], logits: [Double]) {
        let cell = try #require(network.module(at: "rnn") as? LSTMCell)
        let linear = try JumpPoliciesTests.part(network, "linear")
        func seen(_ path: String, _ step: Int, _ size: Int) throws -> [Double] {
            let layer = try #require(network.module(at: path) as? CountingLayer)
            let frame = try FrameNetworks.frame(x, row, step)
            let small = try Operations.resize(
                frame, to: Size2d(height: size, width: size),
                mode: .bilinear(alignCorners: false))
            return try layer.inner(small).elements.map(Double.init)
        }
        var state = try cell.zeroState(batch: 1), left = 0
        var actions: [Int] = [], sum = [0.0, 0, 0], count = 0.0
        for step in 0..<x.shape[1] {
            let light = try seen("lite_backbone", step, 5)
            var executed = [0]
            let before = state
            if !leaps || left == 0 {
                state = try cell.step(
                    Tensor(light.map { Float($0) }, shape: [1, 4]), state, executed: &executed)
            }
            let h = state[0].elements.map(Double.init)
            var action = JumpPoliciesTests.argmax(JumpPoliciesTests.linear(linear, h))
            if left > 0 {
                action = actions[step - 1]
                state[0] = before[0]
            } else if action >= 3 {
                left = [1, 2, 4][action - 3]
            }
            left = max(left - 1, 0)
            actions.append(action)
            guard action < 3 else { continue }
            let result: [Double]
            if action == 2 {
                result = JumpPoliciesTests.linear(try JumpPoliciesTests.part(network, "lite_fc"), h)
            } else {
                let features = try seen("base_model_list.\(action)", step, [8, 6][action])
                result = JumpPoliciesTests.linear(
                    try JumpPoliciesTests.part(network, "new_fc_list.\(action)"), features)
            }
            for c in 0..<3 { sum[c] += result[c] }
            count += 1
        }
        return (actions, sum.map { $0 / max(count, 1) })
    }

    @Test(arguments: [false, true], [UInt64(1), 2, 3])
    func followsTheReference(leaps: Bool, seed: UInt64) throws {
        let (network, parts) = try Self.network(leaps: leaps, seed: seed)
        let x = try FrameNetworks.videos(4, 12, seed: seed)
        let result = try network.run(x)
        let counts = parts.map(\.rows.value)
        for row in 0..<4 {
            let expected = try Self.reference(network, x, row, leaps: leaps)
            #expect(result.actions[row] == expected.actions)
            let own = try result.logits.sample(row)
            MapTest.expect(own, shape: [1, 3], expected.logits, tolerance: 2e-5)
            let alone = try network.run(x.sample(row))
            #expect(alone.logits.isBitEqual(to: own))
            #expect(alone.executed[0] == result.executed[row])
        }
        let all = result.actions.flatMap { $0 }
        for action in 0..<2 {
            #expect(counts[action + 1] == all.filter { $0 == action }.count)
        }
        #expect(leaps ? counts[0] <= 48 : counts[0] == 48)
    }

    @Test func namesAreThoseOfTheReferenceAndMisfitsAreRefused() throws {
        let (network, _) = try Self.network(leaps: false)
        let names = network.submodules.map(\.name)
        #expect(
            names == [
                "lite_backbone", "rnn", "linear", "lite_fc", "base_model_list", "new_fc_list",
            ])
        #expect(network.parameter(at: "new_fc_list.1.weight")?.shape == [3, 5])
        #expect(network.parameter(at: "linear.bias")?.shape == [6])
        let part = ARNet.Backbone(ReLU(), features: 3, resolution: 4)
        #expect(throws: ProteanError.self) { try ARNet(light: part, backbones: [], classes: 2) }
        #expect(throws: ProteanError.self) {
            try ARNet(light: part, backbones: [part], classes: 2, skips: [0])
        }
        #expect(throws: ProteanError.self) { try network.run(Tensor(zeros: [1, 4, 4, 3])) }
        #expect(try network.run(Tensor(zeros: [0, 3, 8, 8, 3])).logits.shape == [0, 3])
    }
}
