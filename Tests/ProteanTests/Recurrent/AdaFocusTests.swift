import Testing

@testable import Protean

@Suite struct AdaFocusTests {
    static func network(seed: UInt64 = 2) throws -> (AdaFocus, any Layer, CountingLayer) {
        let glancer = try Sequential([
            Conv2d(inputChannels: 3, outputChannels: 5, kernelSize: 3, stride: 2, padding: 1),
            ReLU(),
        ])
        let focuser = CountingLayer(try FrameNetworks.encoder(6, seed: 2))
        let network = try AdaFocus(
            glancer: glancer, focuser: focuser,
            sizes: .init(
                glance: 6, channels: 5, pixels: 9, local: 6, patch: 4, grid: 3, policy: 8,
                hidden: 7, classes: 3), seed: 4)
        try #require(network.parameter(at: "focuser.policy.policy.actor.0.weight")).set(
            MapTest.tensor([9, 8], seed: seed, range: 9))
        return (network, glancer, focuser)
    }

    @Test func frameByFrameItIsTheSame() throws {
        var places: Set<Int> = []
        for seed in UInt64(1)...5 { try compare(seed: seed, &places) }
        #expect(places.count > 2)
    }

    /// Compares a network with a loop over rows and frames, and notes the places that it chose.
    private func compare(seed: UInt64, _ places: inout Set<Int>) throws {
        let (network, glancer, focuser) = try Self.network(seed: seed)
        let x = try FrameNetworks.videos(3, 5, size: 10)
        let result = try network.run(x)
        #expect(focuser.rows.value == 15)
        let root = "focuser.policy.policy."
        let reduce = try #require(network.module(at: root + "state_encoder.0") as? Conv2d)
        let encode = try JumpPoliciesTests.part(network, root + "state_encoder.3")
        let policy = try #require(network.module(at: root + "gru") as? GRU)
        let actor = try JumpPoliciesTests.part(network, root + "actor.0")
        let memory = try #require(network.module(at: "classifier.gru") as? GRU)
        let head = try JumpPoliciesTests.part(network, "classifier.fc")
        for row in 0..<3 {
            var states: (Tensor?, Tensor?) = (nil, nil)
            for step in 0..<5 {
                let frame = try FrameNetworks.frame(x, row, step)
                let map = try glancer(
                    Operations.resize(
                        frame, to: Size2d(height: 6, width: 6),
                        mode: .bilinear(alignCorners: false)))
                let flat = try Operations.flatten(Operations.activate(reduce(map), .relu))
                let encoded = try encode(flat, activation: .relu).reshaped(to: [1, 1, 8])
                let agent = try policy.run(encoded, initial: states.0)
                states.0 = agent.hidden
                let scores = try actor(agent.output).elements
                let place = Criterion.predictedClass(scores[...])
                places.insert(place)
                #expect(result.places[row][step] == place)
                // Six pixels are free each way: corners 0, 3, 6.
                let (top, left) = (place / 3 * 3, place % 3 * 3)
                let patch = try Operations.slice(
                    frame, [.all, AxisSlice(top..<top + 4), AxisSlice(left..<left + 4)])
                let global = try Operations.globalAveragePool(map).reshaped(to: [1, 1, 5])
                let local = try focuser.inner(patch).reshaped(to: [1, 1, 6])
                let seen = try memory.run(
                    Operations.concatenate([global, local], axis: 2), initial: states.1)
                states.1 = seen.hidden
                let expected = try head(seen.output).elements.map(Double.init)
                let found = try Operations.slice(
                    result.all, [AxisSlice(row..<row + 1), AxisSlice(step..<step + 1)])
                MapTest.expect(found, shape: [1, 1, 3], expected, tolerance: 1e-5)
            }
            let alone = try network.run(x.sample(row))
            let own = try result.logits.sample(row)
            #expect(alone.logits.isBitEqual(to: own))
        }
    }

    @Test func countedCostIsThatOfTheTrace() throws {
        let (network, _, _) = try Self.network()
        let trace = Trace()
        let x = try FrameNetworks.videos(2, 3, size: 10)
        let result = try trace.recording { try network.run(x) }
        let traced = trace.events.filter { $0.layer != "resize" }
            .reduce(0) { $0 + $1.cost.multiplyAdds }
        #expect(result.executed.reduce(0, +) == traced)
    }

    @Test func misfitsAreRefused() throws {
        let (network, _, _) = try Self.network()
        #expect(throws: ProteanError.self) { try network.run(Tensor(zeros: [1, 2, 3, 10, 3])) }
        #expect(throws: ProteanError.self) { try network.run(Tensor(zeros: [1, 0, 10, 10, 3])) }
        let bad = try AdaFocus(
            glancer: ReLU(), focuser: ReLU(),
            sizes: .init(
                glance: 6, channels: 5, pixels: 9, local: 6, patch: 4, grid: 3, policy: 8,
                hidden: 7, classes: 3))
        #expect(throws: ProteanError.self) { try bad.run(Tensor(zeros: [1, 2, 10, 10, 3])) }
    }
}
