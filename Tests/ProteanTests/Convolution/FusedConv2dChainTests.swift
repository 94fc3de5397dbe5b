import Testing

@testable import Protean

@Suite struct FusedConv2dChainTests {
    /// An inverted residual whose expanded map is large enough for bands.
    private static func block(
        seed: UInt64 = 0
    ) throws -> (convs: [Conv2d], norms: [BatchNorm2d], stages: [FusedConv2d]) {
        let convs = [
            try Conv2d(
                inputChannels: 9, outputChannels: 65, kernelSize: 1, bias: false, seed: seed),
            try Conv2d(
                inputChannels: 65, outputChannels: 65, kernelSize: 3, padding: 1, groups: 65,
                bias: false, seed: seed + 1),
            try Conv2d(
                inputChannels: 65, outputChannels: 9, kernelSize: 1, bias: false, seed: seed + 2),
        ]
        let norms = try convs.map { try BatchNorm2d(channels: $0.geometry.outputChannels) }
        for (norm, index) in zip(norms, 1...) {
            try norm.runningMean.set(.random([norm.channels], seed: UInt64(index)))
        }
        let activations: [Activation] = [.relu6, .relu6, .identity]
        let stages = try (0..<3).map { try FusedConv2d(convs[$0], norms[$0], activations[$0]) }
        return (convs, norms, stages)
    }

    private func oneByOne(
        _ stages: [FusedConv2d], _ x: Tensor, residual: Tensor?
    ) throws -> Tensor {
        var y = x
        for stage in stages.dropLast() { y = try stage(y) }
        return try stages[stages.count - 1](y, residual: residual)
    }

    @Test(arguments: [[1, 41, 37, 9], [3, 33, 41, 9], [1, 4, 5, 9], [0, 41, 37, 9]])
    func resultIsThatOfSeparateCalls(shape: [Int]) throws {
        let stages = try Self.block().stages
        let chain = try FusedConv2dChain(stages)
        let x = try Tensor.random(shape)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                for residual in [nil, x] {
                    let expected = try oneByOne(stages, x, residual: residual)
                    let y = try chain(x, residual: residual)
                    #expect(y.isBitEqual(to: expected), "\(isa), \(threads) threads")
                }
            }
        }
    }

    @Test func largeMapsInBetweenAreNeverWhole() async {
        await #expect(processExitsWith: .success) {
            let chain = try FusedConv2dChain(try Self.block().stages)
            let x = try Tensor.random([1, 41, 37, 9])
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    let trace = Trace()
                    _ = try trace.recording { try chain(x) }
                    #expect(trace.events.map(\.layer) == ["FusedConv2dChain"])
                    // The result, and neither of the expanded maps.
                    #expect(try allocations { _ = try chain(x) } == 1)
                }
            }
        }
    }

    @Test func traceAndCostAreThoseOfTheParts() throws {
        let (convs, _, stages) = try Self.block()
        for (index, conv) in convs.enumerated() { conv.assignLabels(prefix: "block.4.\(index)") }
        let chain = try FusedConv2dChain(stages)
        let x = try Tensor.random([1, 41, 37, 9])
        let parts = Trace(), whole = Trace(), shapes = Trace()
        _ = try parts.recording { try oneByOne(stages, x, residual: nil) }
        _ = try whole.recording { try Runtime.with(threads: 1) { try chain(x) } }
        _ = try shapes.recording { try chain(Tensor(shapeOnly: x.shape)) }
        #expect(whole.events.map(\.path) == ["block.4"])
        #expect(whole.events[0].outputShape == x.shape)
        #expect(whole.totalCost.multiplyAdds == parts.totalCost.multiplyAdds)
        #expect(whole.totalCost.parameters == parts.totalCost.parameters)
        #expect(whole.totalCost.bytes < parts.totalCost.bytes)
        #expect(shapes.events.map(\.path) == ["block.4.0", "block.4.1", "block.4.2"])
        #expect(shapes.totalCost == parts.totalCost)
    }

    @Test func changedParametersAreSeen() throws {
        let (convs, norms, stages) = try Self.block()
        let chain = try FusedConv2dChain(stages)
        let x = try Tensor.random([1, 41, 37, 9])
        var before = try chain(x)
        try convs[1].weight.set(.random(convs[1].weight.shape, seed: 5))
        #expect(try chain(x).isBitEqual(to: oneByOne(stages, x, residual: nil)))
        #expect(!(try chain(x).isBitEqual(to: before)))
        before = try chain(x)
        try norms[2].bias?.set(.random([9], seed: 6))
        #expect(try chain(x).isBitEqual(to: oneByOne(stages, x, residual: nil)))
        #expect(!(try chain(x).isBitEqual(to: before)))
    }

    @Test func winogradKeepsItsOwnWay() throws {
        let stages = [
            try FusedConv2d(Conv2d(inputChannels: 32, outputChannels: 96, kernelSize: 1)),
            try FusedConv2d(
                Conv2d(
                    inputChannels: 96, outputChannels: 64, kernelSize: 3, padding: 1,
                    algorithm: .winograd)),
        ]
        let x = try Tensor.random([1, 40, 40, 32])
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let trace = Trace()
                let y = try trace.recording { try FusedConv2dChain(stages)(x) }
                #expect(trace.events.map(\.layer) == ["Conv2d", "Conv2d"])
                #expect(y.isBitEqual(to: try oneByOne(stages, x, residual: nil)))
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let stages = try Self.block().stages
        #expect(throws: ProteanError.self) { try FusedConv2dChain([]) }
        #expect(throws: ProteanError.self) {
            try FusedConv2dChain([stages[0], stages[2], stages[1]])
        }
        #expect(throws: ProteanError.self) {
            try FusedConv2dChain(Array(repeating: stages[1], count: 9))
        }
        let chain = try FusedConv2dChain(stages)
        #expect(throws: ProteanError.self) { try chain(.random([1, 41, 37, 8])) }
        let x = try Tensor.random([1, 41, 37, 9])
        #expect(throws: ProteanError.self) { try chain(x, residual: .random([1, 41, 36, 9])) }
        #expect(throws: ProteanError.self) {
            try chain(Tensor(shapeOnly: x.shape), residual: .random([1, 41, 36, 9]))
        }
    }
}
