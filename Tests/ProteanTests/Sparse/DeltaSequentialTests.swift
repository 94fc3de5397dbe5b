import Testing

@testable import Protean

@Suite struct DeltaSequentialTests {
    static func layers(_ algorithm: Conv2dAlgorithm = .direct) throws -> [any Layer] {
        [
            try BatchNorm2d(channels: 5), HardSwish(),
            try Conv2d(
                inputChannels: 5, outputChannels: 12, kernelSize: 3, padding: 1,
                algorithm: algorithm),
            try BatchNorm2d(channels: 12), ReLU(),
            try Conv2d(
                inputChannels: 12, outputChannels: 7, kernelSize: 3, stride: 2, padding: 1,
                algorithm: algorithm),
            Sigmoid(),
            try Conv2d(inputChannels: 7, outputChannels: 9, kernelSize: 1, algorithm: algorithm),
        ]
    }

    @Test func everyFrameEqualsTheDenseLayersBitForBit() throws {
        let layers = try Self.layers()
        let delta = try DeltaSequential(layers)
        try delta.randomise()
        let dense = try Sequential(layers)
        #expect(delta.allParameters().map(\.name) == dense.allParameters().map(\.name))
        for shape in [[2, 11, 14, 5], [3, 6, 5, 5], [0, 6, 5, 5]] {
            let frames = try DeltaConv2dTests.frames(shape)
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    var state = DeltaState()
                    for (time, frame) in frames.enumerated() {
                        let found = try delta(frame, state: &state)
                        #expect(
                            try found.hasBits(of: dense(frame)), "\(isa) \(threads) frame \(time)")
                    }
                }
            }
        }
    }

    @Test func changesThatDieOutCostNothingBehind() throws {
        let first = try Conv2d(inputChannels: 1, outputChannels: 1, kernelSize: 1)
        let last = try Conv2d(inputChannels: 1, outputChannels: 4, kernelSize: 3, padding: 1)
        try first.weight.set(Tensor(repeating: 1, shape: [1, 1, 1, 1]))
        try first.bias?.set(Tensor(repeating: -1, shape: [1]))
        let delta = try DeltaSequential([first, ReLU(), last])
        delta.assignLabels(prefix: "net")
        var state = DeltaState()
        _ = try delta(Tensor(zeros: [1, 9, 8, 1]), state: &state)
        // Below the ReLU's zero.
        let frame = try Tensor.random([1, 9, 8, 1], seed: 3)
        let trace = Trace()
        _ = try trace.recording { try delta(frame, state: &state) }
        #expect(trace.events.map(\.path) == ["net.0", "net.2"])
        #expect(trace.events.map(\.cost.executedMultiplyAdds) == [72, 0])
        #expect(trace.events.map(\.cost.multiplyAdds) == [72, 72 * 36])
    }

    @Test func thresholdsBoundTheErrorOfEveryStep() throws {
        let layers = try Self.layers()
        let exact = try DeltaSequential(layers), rough = try DeltaSequential(layers, epsilon: 0.05)
        try exact.randomise()
        let start = try Tensor.random([1, 12, 10, 5])
        let noise = try (0..<20).map { try Tensor.random([1, 12, 10, 5], seed: 50 + $0) }
        var states = (DeltaState(), DeltaState())
        var worst: Float = 0
        for small in noise {
            let frame = try Operations.add(
                start, Operations.multiply(small, Tensor([0.04], shape: [1])))
            let found = try rough(frame, state: &states.1)
            worst = max(
                worst, try found.maximumDifference(from: exact(frame, state: &states.0)))
        }
        #expect(worst > 0 && worst < 0.2)
    }

    @Test func tasksShareALayer() async throws {
        let layer = try DeltaSequential([
            try Conv2d(
                inputChannels: 3, outputChannels: 8, kernelSize: 3, padding: 1, algorithm: .direct),
            ReLU(),
        ])
        let dense = layer.submodules[0].module as! Conv2d
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for seed in 0..<6 {
                group.addTask {
                    var state = DeltaState()
                    return try DeltaConv2dTests.frames([1, 9 + seed, 8, 3]).allSatisfy { frame in
                        let found = try layer(frame, state: &state)
                        return try found.hasBits(of: Operations.activate(dense(frame), .relu))
                    }
                }
            }
            for try await same in group { #expect(same) }
        }
    }
}
