import Testing

@testable import Protean

@Suite struct StatefulSequentialTests {
    /// y = x + the sum of all inputs before, of its first input's shape.
    private final class Sum: StatefulLayer {
        func initialState(for input: [Int]) throws(ProteanError) -> Tensor {
            try Tensor(zeros: input)
        }

        func callAsFunction(
            _ x: Tensor, state: inout Tensor
        ) throws(ProteanError) -> Tensor {
            state = try Operations.add(x, state)
            return state
        }
    }

    @Test func statesGoFromCallToCall() throws {
        let conv = try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        let block = try StatefulSequential([conv, ReLU(), Sum(), Sum(), HardSwish()])
        #expect(block.channelFlow == .fixed(input: 2, output: nil))
        var state = block.initialState(for: [1, 2, 3, 2])
        var one = try Tensor(zeros: [1, 2, 3, 3]), two = one
        for seed in 0..<4 {
            let x = try Tensor.random([1, 2, 3, 2], seed: UInt64(seed))
            let before = state
            let y = try block(x, state: &state)
            one = try Operations.add(Operations.activate(conv(x), .relu), one)
            two = try Operations.add(one, two)
            #expect(try y.isBitEqual(to: Operations.activate(two, .hardSwish)))
            // Copies are independent: the same step again gives the same.
            var copy = before
            #expect(try block(x, state: &copy).isBitEqual(to: y))
        }
    }

    @Test func videoLayersAreParts() throws {
        let conv = try Conv2d(inputChannels: 2, outputChannels: 2, kernelSize: 3, padding: 1)
        let delta = try DeltaConv2d(conv, activation: .relu)
        let block = try StatefulSequential(named: [("delta", delta), ("act", SiLU())])
        var state = block.initialState(for: []), own = DeltaState()
        for seed in 0..<3 {
            let x = try Tensor.random([1, 6, 5, 2], seed: UInt64(seed))
            let expected = try Operations.activate(delta(x, state: &own), .silu)
            #expect(try block(x, state: &state).isBitEqual(to: expected))
        }
        #expect(block.allParameters().map(\.name) == ["delta.conv.weight", "delta.conv.bias"])
    }

    @Test func anErrorLeavesTheStateAndNamesTheLayer() throws {
        let conv = try Conv2d(inputChannels: 2, outputChannels: 2, kernelSize: 3)
        let block = try StatefulSequential([Sum(), conv])
        var state = block.initialState(for: [1, 4, 4, 2])
        let x = try Tensor.random([1, 4, 4, 2])
        let first = try block(x, state: &state)
        // The convolution's kernel does not fit.
        var small = block.initialState(for: [1, 2, 2, 2])
        let error = #expect(throws: ProteanError.self) {
            try block(Tensor(zeros: [1, 2, 2, 2]), state: &small)
        }
        guard case .shapeMismatch("layer 1 (Conv2d)", "x", _, _) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(small.parts.isEmpty)
        _ = try? block(Tensor(zeros: [1, 9, 9, 2]), state: &state)
        let second = try block(try Tensor(zeros: [1, 4, 4, 2]), state: &state)
        #expect(second.isBitEqual(to: first))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(throws: ProteanError.self) {
            try StatefulSequential(named: [("a", Sum()), ("a", ReLU())])
        }
        let cond = try CondConv2d(inputChannels: 2, outputChannels: 2, kernelSize: 1)
        #expect(throws: ProteanError.self) { try StatefulSequential([cond]) }
        let conv = try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        let delta = try DeltaConv2d(try Conv2d(inputChannels: 2, outputChannels: 2, kernelSize: 1))
        #expect(throws: ProteanError.self) { try StatefulSequential([conv, delta]) }
        // The state of another container.
        let one = try StatefulSequential([delta]), other = try StatefulSequential([Sum()])
        var state = one.initialState(for: [])
        let x = try Tensor.random([1, 2, 2, 2])
        _ = try one(x, state: &state)
        #expect(
            throws: ProteanError.invalidOption(
                layer: "StatefulSequential", option: "state",
                expected: "the state of this container's 0", found: "DeltaState")
        ) { try other(x, state: &state) }
    }

    @Test func conditionalLayersReportWhatTheyExecuted() throws {
        let stage = try SpatiallyAdaptiveComputationTime(
            inputChannels: 8, planes: 2, units: 3, epsilon: 0.4)
        let x = try Tensor.random([2, 5, 4, 8])
        let result = try stage(x)
        let trace = Trace()
        let whole = try trace.recording { try stage.executed(x) }
        #expect(whole.output.isBitEqual(to: result.output))
        #expect(whole.decision.map(\.activePixels) == result.active.map(\.activePixels))
        // The trace that listens outside gets the events, and the same sum.
        #expect(trace.events.count > 3)
        #expect(trace.totalCost == whole.cost)
        #expect(whole.cost.executedMultiplyAdds > 0)
        #expect(whole.cost.executedMultiplyAdds <= whole.cost.multiplyAdds)
    }
}
