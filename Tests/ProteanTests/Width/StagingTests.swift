import ProteanModels
import Testing

@testable import Protean

/// Static networks split by channels.
@Suite struct StagingTests {
    /// A static network and the plans that suit it.
    private struct Case {
        let name: String
        let network: any StageableNetwork
        let input: [Int]
        let groups: Int
    }

    private static func cases() throws -> [Case] {
        [
            Case(
                name: "ResNet with projections",
                network: try CIFARResNet(
                    depth: 8, shortcut: .projection, classifierName: "fc"),
                input: [3, 16, 12, 3], groups: 4),
            Case(
                name: "VGG", network: try CIFARVGG(depth: 16, width: 0.125),
                input: [2, 32, 32, 3], groups: 4),
            Case(
                name: "DenseNet", network: try CIFARDenseNet(depth: 16, growth: 12),
                input: [2, 12, 16, 3], groups: 6),
            Case(
                name: "MobileNetV2", network: try MobileNetV2(classes: 10),
                input: [1, 40, 33, 3], groups: 8),
        ]
    }

    /// Fresh weights, and norms that do something.
    private static func randomize(_ network: any StageableNetwork) throws {
        try network.initializeWeights(seed: 3)
        for (index, named) in network.allParameters().enumerated()
        where named.parameter.shape.count == 1 {
            let isScale = named.name.hasSuffix("running_var") || named.name.hasSuffix("weight")
            let range: ClosedRange<Float> = isScale ? 0.7...1.3 : -0.2...0.2
            try named.parameter.set(
                Initializer.uniform(named.parameter.shape, in: range, seed: UInt64(index)))
        }
    }

    /// Sets the weights from later to earlier stages to zero.
    private static func mask(_ network: any StageableNetwork, _ plan: StagingPlan) throws {
        let layout = try StagingLayout(try network.blueprint(), plan)
        for (index, step) in layout.blueprint.steps.enumerated() {
            guard case .convolution(let conv, _, _) = step.operation, conv.geometry.groups == 1
            else { continue }
            let inputs = conv.geometry.inputChannels
            let area = conv.geometry.kernelSize.height * conv.geometry.kernelSize.width
            var values = conv.weight.value.elements
            for stage in 0..<plan.stages {
                let reads = Set(layout.inputs(of: index, stage: stage))
                let dropped = (0..<inputs).filter { !reads.contains($0) }
                for k in layout.channels[index][stage] {
                    for c in dropped {
                        let begin = (k * inputs + c) * area
                        values.replaceSubrange(
                            begin..<begin + area, with: repeatElement(0, count: area))
                    }
                }
            }
            try conv.weight.set(Tensor(values, shape: conv.weight.shape))
        }
    }

    private static func plans(_ groups: Int) throws -> [StagingPlan] {
        let two = try ChannelSplits(groups: groups, points: [groups / 2, groups])
        let points = groups == 6 ? [1, 3, 6] : [groups / 4, groups / 2, groups]
        let three = try ChannelSplits(groups: groups, points: points)
        let partial = try ReuseMatrix([
            [true, false, false], [true, true, false], [false, true, true],
        ])
        return [
            try StagingPlan(splits: two, reuse: .full(2)),
            try StagingPlan(splits: three, reuse: .full(3)),
            try StagingPlan(splits: three, reuse: partial),
            try StagingPlan(splits: ChannelSplits(groups: 1, points: [1]), reuse: .full(1)),
        ]
    }

    @Test func theLastStageEqualsTheMaskedStaticNetwork() throws {
        for entry in try Self.cases() {
            try Self.randomize(entry.network)
            let initial = entry.network.allParameters().map { ($0.parameter, $0.parameter.value) }
            for plan in try Self.plans(entry.groups) {
                for (parameter, value) in initial { try parameter.set(value) }
                try Self.mask(entry.network, plan)
                let staged = try Staging.convert(entry.network, plan: plan)
                let x = try Tensor.random(entry.input, seed: 6)
                let expected = try entry.network(x)
                let found = try staged(x)
                let size = expected.elements.map(abs).max() ?? 1
                let error = try found.maximumDifference(from: expected) / size
                #expect(error < 1e-4, "\(entry.name), \(plan.stages) stages: \(error)")
            }
        }
    }

    @Test func costsAreTheFormulas() throws {
        for entry in try Self.cases() {
            for plan in try Self.plans(entry.groups) {
                let staged = try Staging.convert(entry.network, plan: plan)
                let formula = try Staging.costs(
                    of: entry.network, plan: plan,
                    image: Size2d(height: entry.input[1], width: entry.input[2]))
                let counted = try staged.costs(for: entry.input)
                #expect(
                    counted.exits.map(\.multiplyAdds) == formula.cumulative, "\(entry.name)")
                // Leaving at exit k runs k stages and heads, no more.
                for exit in 0..<plan.stages {
                    let trace = Trace()
                    let x = try Tensor.random([1] + entry.input.dropFirst())
                    _ = try trace.recording { try staged.until(exit, x) }
                    let skipped = formula.heads.prefix(exit).reduce(0, +)
                    #expect(
                        trace.totalCost.executedMultiplyAdds
                            == formula.cumulative[exit] - skipped, "\(entry.name) \(exit)")
                }
            }
            let whole = try Staging.costs(
                of: entry.network, plan: Self.plans(entry.groups)[3],
                image: Size2d(height: entry.input[1], width: entry.input[2]))
            let dense = try entry.network.cost(for: [1] + entry.input.dropFirst())
            #expect(whole.cumulative == [dense.multiplyAdds], "\(entry.name)")
        }
    }

    @Test func rowsLeaveWithTheBitsTheyWouldGetAlone() throws {
        let network = try CIFARResNet(depth: 8, shortcut: .padding, classifierName: "linear")
        try Self.randomize(network)
        let staged = try Staging.convert(
            network,
            plan: StagingPlan(splits: ChannelSplits(groups: 4, points: [1, 2, 4]), reuse: .full(3)))
        let x = try Tensor.random([7, 16, 12, 3], seed: 2)
        let all = try staged.all(x)
        let sure = try all.map { try Operations.softmax($0) }.map { Array($0.elements) }
        let highest = (0..<7).map { row in sure[0][row * 10..<row * 10 + 10].max() ?? 0 }
        let policy = ExitPolicy.threshold(
            .maximumProbability, [highest.sorted()[3], 0.2, 0])
        let result = try staged.dynamic(x, policy: policy)
        #expect(Set(result.exits).count > 1)
        for row in 0..<7 {
            let alone = try staged.dynamic(x.sample(row), policy: policy)
            #expect(alone.exits == [result.exits[row]])
            #expect(alone.logits.isBitEqual(to: try result.logits.sample(row)))
            #expect(alone.logits.isBitEqual(to: try all[result.exits[row]].sample(row)))
            #expect(alone.executed == [result.executed[row]])
        }
        for exit in 0..<3 { #expect(try staged.until(exit, x).isBitEqual(to: all[exit])) }
    }

    @Test func rulesPerSizeAndPerLayer() throws {
        let network = try CIFARVGG(depth: 11, width: 0.125)
        let even = try StagingPlan.Rule(splits: ChannelSplits(evenly: 2), reuse: .full(2))
        let late = try StagingPlan.Rule(
            splits: ChannelSplits(groups: 4, points: [1, 4]), reuse: .none(2))
        let sizes = try StagingPlan(sizes: [even, even, late, even, late])
        let staged = try Staging.convert(network, plan: sizes)
        let kept = staged.parameter(at: "stages.0.features.8.weight")?.shape
        #expect(kept == [8, 8, 3, 3])
        #expect(staged.parameter(at: "heads.1.weight")?.shape == [10, 64])
        let one = try StagingPlan(sizes: [even], layers: ["features.4": late])
        let other = try Staging.convert(network, plan: one)
        #expect(other.parameter(at: "stages.0.features.4.weight")?.shape == [4, 4, 3, 3])
        #expect(throws: ProteanError.self) {
            try Staging.convert(network, plan: StagingPlan(sizes: [even, late]))
        }
        #expect(throws: ProteanError.self) {
            try Staging.convert(network, plan: StagingPlan(sizes: [even], layers: ["x": late]))
        }
        let odd = try StagingPlan(splits: ChannelSplits(evenly: 3), reuse: .full(3))
        #expect(throws: ProteanError.self) { try Staging.convert(network, plan: odd) }
        #expect(throws: ProteanError.self) { try StagingPlan(sizes: []) }
        #expect(throws: ProteanError.self) { try StagingPlan(sizes: [even], last: .none(2)) }
        let residual = try CIFARResNet(depth: 8, shortcut: .projection, classifierName: "fc")
        #expect(throws: ProteanError.self) {
            try Staging.convert(
                residual, plan: StagingPlan(sizes: [even], layers: ["layer1.0.conv2": late]))
        }
        let gated = try CIFARResNet(
            depth: 8, shortcut: .projection, gates: .squeezeExcitation, classifierName: "fc")
        #expect(throws: ProteanError.self) {
            try Staging.convert(gated, plan: StagingPlan(sizes: [even]))
        }
    }

    @Test func staticNetworksHaveThePublishedSizes() throws {
        #expect(try CIFARVGG().parameterCount == 14_728_266)
        #expect(try CIFARDenseNet().parameterCount == 769_162)
        #expect(try CIFARVGG().cost(for: [1, 32, 32, 3]).multiplyAdds == 313_201_664)
        let network = try CIFARResNet(depth: 56, shortcut: .padding, classifierName: "linear")
        #expect(network.parameterCount == 853_018)
    }

    @Test func resNet56InStagesByName() throws {
        let model = try ModelLoader.standard.makeModel("s2dnas_resnet56")
        let staged = try #require(model.module as? any HasExits).exits
        #expect(staged.exitCount == 3)
        let costs = try staged.costs(for: [1, 32, 32, 3]).exits.map(\.multiplyAdds)
        let network = try CIFARResNet(depth: 56, shortcut: .padding, classifierName: "linear")
        let dense = try network.cost(for: [1, 32, 32, 3]).multiplyAdds
        // Full reuse: 1 + 1 + 2 of 4 groups, each reading what lies before: 11 of 16 blocks.
        #expect(costs[2] < dense * 11 / 16 + dense / 50 && costs[2] > dense * 11 / 16 - dense / 50)
        #expect(staged.parameter(at: "stages.2.layer3.8.conv2.weight")?.shape == [32, 64, 3, 3])
        #expect(staged.parameter(at: "heads.0.weight")?.shape == [10, 16])
        #expect(try staged(Tensor.random([1, 32, 32, 3])).shape == [1, 10])
    }
}
