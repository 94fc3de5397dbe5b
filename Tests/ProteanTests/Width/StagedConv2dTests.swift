import Testing

@testable import Protean

@Suite struct StagedConv2dTests {
    private let splits = [(1, [1]), (4, [1, 2, 4]), (3, [1, 3])]

    private func matrices(_ stages: Int) throws -> [ReuseMatrix] {
        var found = [try ReuseMatrix.full(stages), try ReuseMatrix.none(stages)]
        if stages == 3 {
            found.append(
                try ReuseMatrix([[true, false, false], [true, true, false], [true, false, true]]))
        }
        return found
    }

    /// The dense weight with the staged layer's values in its blocks and zeros elsewhere.
    private func masked(_ layer: StagedConv2d, inputs: Int, outputs: Int) throws -> (Tensor, Tensor)
    {
        let ins = try layer.splits.ranges(of: inputs), outs = try layer.splits.ranges(of: outputs)
        var weight: [Float] = [], bias: [Float] = []
        for (stage, owned) in outs.enumerated() {
            let own = try #require(layer.parameter(at: "stages.\(stage).weight")).value
            bias += try #require(layer.parameter(at: "stages.\(stage).bias")).value.elements
            let area = own.shape[2] * own.shape[3], values = own.elements
            let read = layer.reuse.sources(of: stage).flatMap { Array(ins[$0]) }
            for k in 0..<owned.count {
                for c in 0..<inputs {
                    guard let at = read.firstIndex(of: c) else {
                        weight += [Float](repeating: 0, count: area)
                        continue
                    }
                    let begin = (k * read.count + at) * area
                    weight += values[begin..<begin + area]
                }
            }
        }
        let kernel = try #require(layer.parameter(at: "stages.0.weight")).shape
        return (
            try Tensor(weight, shape: [outputs, inputs, kernel[2], kernel[3]]),
            try Tensor(bias, shape: [outputs])
        )
    }

    @Test func equalsADenseConvolutionWithMaskedWeights() throws {
        for (groups, points) in splits {
            let split = try ChannelSplits(groups: groups, points: points)
            for reuse in try matrices(points.count) {
                for (kernel, stride, batch) in [(3, 1, 3), (1, 1, 1), (3, 2, 7), (5, 1, 0)] {
                    let inputs = groups * 9, outputs = groups * 10
                    let layer = try StagedConv2d(
                        inputChannels: inputs, outputChannels: outputs,
                        kernelSize: Size2d(kernel), stride: Size2d(stride),
                        padding: .symmetric(kernel / 2), splits: split, reuse: reuse,
                        algorithm: .direct, seed: 5)
                    let (weight, bias) = try masked(layer, inputs: inputs, outputs: outputs)
                    let dense = try Conv2d(
                        weight: weight, bias: bias, stride: Size2d(stride),
                        padding: .symmetric(kernel / 2), algorithm: .direct)
                    let x = try Tensor.random([batch, 7, 5, inputs], seed: 3)
                    try MapTest.everywhere({ try layer(x) }) { isa, found in
                        let expected = try Runtime.with(isa: isa) { try dense(x) }
                        #expect(found.shape == expected.shape)
                        #expect(found.isBitEqual(to: expected), "\(groups) \(kernel) \(batch)")
                    }
                }
            }
        }
    }

    @Test func stagesAreThoseOfTheWholeLayerAndCostTheFormula() throws {
        let reuse = try ReuseMatrix([
            [true, false, false], [false, true, false], [true, false, true],
        ])
        let layer = try StagedConv2d(
            inputChannels: 8, outputChannels: 12, kernelSize: 3, padding: 1,
            splits: ChannelSplits(groups: 4, points: [1, 2, 4]), reuse: reuse)
        let x = try Tensor.random([2, 6, 5, 8])
        let parts = try Operations.split(x, sizes: [2, 2, 4], axis: 3)
        let whole = try layer(x)
        var begin = 0
        for (stage, count) in [3, 3, 6].enumerated() {
            let own = try layer.stage(stage, from: Array(parts[...stage]))
            let expected = try Operations.slice(
                whole, [.all, .all, .all, AxisSlice(begin..<begin + count)])
            #expect(own.isBitEqual(to: expected))
            begin += count
        }
        // 9 taps, 30 pixels, |out| · Σ |in|.
        let sum = 3 * 2 + 3 * 2 + 6 * (2 + 4)
        let cost = try layer.cost(for: [1, 6, 5, 8])
        #expect(cost.multiplyAdds == 9 * 30 * sum)
        #expect(try layer.outputShape(for: [2, 6, 5, 8]) == [2, 6, 5, 12])
    }

    @Test func aSamplesBitsDoNotDependOnItsBatch() throws {
        let layer = try StagedConv2d(
            inputChannels: 24, outputChannels: 24, kernelSize: 3, padding: 1,
            splits: ChannelSplits(groups: 2, points: [1, 2]), reuse: .full(2))
        let x = try Tensor.random([7, 12, 9, 24])
        let all = try layer(x)
        for index in 0..<7 {
            #expect(try layer(x.sample(index)).isBitEqual(to: all.sample(index)))
        }
    }

    @Test func refusesWhatCannotBe() throws {
        #expect(throws: ProteanError.self) { try ReuseMatrix([[true, true], [true, true]]) }
        #expect(throws: ProteanError.self) { try ReuseMatrix([[true, false], [true, false]]) }
        #expect(throws: ProteanError.self) { try ReuseMatrix([[true], [true, true]]) }
        #expect(throws: ProteanError.self) { try ReuseMatrix([]) }
        #expect(throws: ProteanError.self) { try ChannelSplits(groups: 4, points: [2, 2, 4]) }
        #expect(throws: ProteanError.self) { try ChannelSplits(groups: 4, points: [0, 4]) }
        #expect(throws: ProteanError.self) { try ChannelSplits(groups: 4, points: [1, 3]) }
        #expect(throws: ProteanError.self) { try ChannelSplits(groups: 4, points: []) }
        let half = try ChannelSplits(evenly: 2)
        #expect(throws: ProteanError.self) { try half.ranges(of: 7) }
        let partial = try ReuseMatrix.none(2)
        let error = #expect(throws: ProteanError.self) { try partial.checkIsFull(layer: "last") }
        guard case .invalidOption(layer: "last", option: "reuse", _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(throws: ProteanError.self) {
            try StagedConv2d(
                inputChannels: 4, outputChannels: 4, kernelSize: 3, splits: half, reuse: .full(3))
        }
        let layer = try StagedConv2d(
            inputChannels: 4, outputChannels: 4, kernelSize: 1, splits: half, reuse: .full(2))
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 3, 3, 5])) }
        #expect(throws: ProteanError.self) { try layer.stage(2, from: []) }
        #expect(throws: ProteanError.self) { try layer.stage(1, from: []) }
    }
}
