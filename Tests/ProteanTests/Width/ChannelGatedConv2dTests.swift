import Testing

@testable import Protean

@Suite struct ChannelGatedConv2dTests {
    private struct Options {
        var inputs = 8, outputs = 12, kernel = 3, stride = 1, partitions = 4
        var usesGroups = false, shuffles = false
        var threshold: Float = 0
    }

    private func layer(_ options: Options) throws -> ChannelGatedConv2d {
        let layer = try ChannelGatedConv2d(
            inputChannels: options.inputs, outputChannels: options.outputs,
            kernelSize: Size2d(options.kernel), stride: Size2d(options.stride),
            padding: .symmetric(options.kernel / 2), partitions: options.partitions,
            usesGroups: options.usesGroups, shuffles: options.shuffles,
            threshold: options.threshold, seed: 11)
        let shape = [options.outputs]
        try #require(layer.parameter(at: "bn.running_mean")).set(
            Initializer.uniform(shape, in: -0.2...0.2, seed: 1))
        try #require(layer.parameter(at: "bn.running_var")).set(
            Initializer.uniform(shape, in: 0.1...0.3, seed: 2))
        return layer
    }

    /// Both convolutions as a whole, then the choice per element.
    private func reference(
        _ layer: ChannelGatedConv2d, _ options: Options, _ x: Tensor
    ) throws -> (y: Tensor, open: Tensor) {
        let weight = try #require(layer.parameter(at: "weight")).value
        let mask = try #require(layer.parameter(at: "mask")).value
        let each = options.inputs / options.partitions
        let order = (0..<options.inputs).map {
            $0 % options.partitions * each + $0 / options.partitions
        }
        let x = options.shuffles ? try Operations.indexSelect(x, axis: 3, indices: order) : x
        func conv(_ weight: Tensor) throws -> Tensor {
            let conv = try Conv2d(
                weight: weight, stride: Size2d(options.stride),
                padding: .symmetric(options.kernel / 2), algorithm: .direct)
            return try conv(x)
        }
        let partial = try conv(weight * mask), whole = try conv(weight)
        let norm = try #require(layer.module(at: "bn") as? BatchNorm2d)
        let normed = try norm(partial)
        let limit = try #require(layer.parameter(at: "threshold")).value
        let open = try Operations.greater(normed, limit.reshaped(to: [options.outputs]))
        return (try Operations.where(open, whole, partial), open)
    }

    private static var variants: [(String, (inout Options) -> Void)] {
        [
            ("plain", { _ in }),
            ("stride", { $0.stride = 2; $0.partitions = 2 }),
            ("odd", { $0.inputs = 7; $0.outputs = 5; $0.partitions = 3 }),
            ("groups", { $0.usesGroups = true }),
            ("shuffled", { $0.usesGroups = true; $0.shuffles = true; $0.partitions = 2 }),
            ("open", { $0.threshold = -100 }),
            ("closed", { $0.threshold = 100 }),
            ("one", { $0.partitions = 1; $0.kernel = 1 }),
            ("sparse", { $0.threshold = 1.8; $0.inputs = 16; $0.outputs = 20 }),
        ]
    }

    @Test func equalsTheMaskedDenseConvolutions() throws {
        for (name, change) in Self.variants {
            var options = Options()
            change(&options)
            let layer = try layer(options)
            for batch in [0, 1, 3] {
                let x = try Tensor.random([batch, 9, 7, options.inputs], seed: 4)
                let expected = try reference(layer, options, x).y
                try MapTest.everywhere({ try layer(x) }) { isa, y in
                    MapTest.expect(
                        y, shape: expected.shape, expected.elements.map { Double($0) },
                        tolerance: 1e-5, "\(name) \(isa)")
                }
            }
        }
    }

    @Test func executedAreTheBasePathAndTheCompletedPixels() throws {
        for (name, change) in Self.variants {
            var options = Options()
            change(&options)
            let layer = try layer(options)
            let x = try Tensor.random([3, 9, 7, options.inputs], seed: 4)
            let (_, open) = try reference(layer, options, x)
            let any = try Operations.maximum(open, axes: [3]).elements.count { $0 > 0 }
            let found = try layer.executed(x)
            #expect(found.decision.pixels.count == any, "\(name)")
            #expect(found.decision.openElements == open.elements.count { $0 > 0 }, "\(name)")
            #expect(found.decision.elements == open.count)
            let area = options.kernel * options.kernel
            let base = options.inputs / options.partitions
            let rest = options.usesGroups ? options.inputs : options.inputs - base
            #expect(
                found.cost.executedMultiplyAdds
                    == area * (open.count * base + any * options.outputs * rest), "\(name)")
            #expect(found.cost.multiplyAdds == open.count * area * options.inputs)
            let trace = Trace()
            _ = try trace.recording { try layer(x) }
            for row in 0..<3 {
                let alone = try layer.executed(x.sample(row)).cost.executedMultiplyAdds
                #expect(trace.executed(batch: 3)[row] == alone)
            }
        }
    }

    @Test func aSamplesBitsDoNotDependOnItsBatch() throws {
        for (_, change) in Self.variants {
            var options = Options()
            change(&options)
            let layer = try layer(options)
            let x = try Tensor.random([7, 9, 7, options.inputs], seed: 21)
            let all = try layer(x)
            for index in 0..<7 {
                #expect(try layer(x.sample(index)).isBitEqual(to: all.sample(index)))
            }
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        #expect(throws: ProteanError.self) {
            try ChannelGatedConv2d(inputChannels: 8, outputChannels: 6, kernelSize: 3, usesGroups: true)
        }
        #expect(throws: ProteanError.self) {
            try ChannelGatedConv2d(inputChannels: 3, outputChannels: 6, kernelSize: 3, partitions: 4)
        }
        #expect(throws: ProteanError.self) {
            try ChannelGatedConv2d(
                inputChannels: 8, outputChannels: 6, kernelSize: 3, threshold: .nan)
        }
        let layer = try layer(Options())
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 4, 7])) }
        #expect(try layer.outputShape(for: [2, 4, 5, 8]) == [2, 4, 5, 12])
        let mask = try #require(layer.parameter(at: "mask"))
        try mask.set(Tensor(repeating: 1, shape: mask.shape))
        let error = #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 4, 8])) }
        guard case .invalidOption(_, option: "mask", _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
