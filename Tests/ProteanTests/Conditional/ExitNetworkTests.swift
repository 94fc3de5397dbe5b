import Testing

@testable import Protean

/// A convolution, its activation and a head of global pooling and a linear layer at every exit.
private struct Exits {
    static let inputChannels = 3, classes = 5

    static func stage(_ channels: Int, _ width: Int, seed: UInt64) throws -> any Stage {
        LayerStage(
            try Sequential([
                try Conv2d(
                    inputChannels: channels, outputChannels: width, kernelSize: 3, padding: 1,
                    seed: seed), ReLU(),
            ]))
    }

    static func head(_ width: Int, seed: UInt64) throws -> any ExitHead {
        LayerHead(
            try Sequential([
                GlobalAveragePool2d(), Flatten(),
                try Linear(inputFeatures: width, outputFeatures: classes, seed: seed),
            ]))
    }

    static func network(
        combiner: ExitNetwork.Combiner = .own, narrowBelow: Double = 1,
        counting: CallCount? = nil
    ) throws -> ExitNetwork {
        let widths = [16, 24, 40]
        var stages: [any Stage] = [], heads: [any ExitHead] = [], channels = inputChannels
        for (index, width) in widths.enumerated() {
            let stage = try stage(channels, width, seed: UInt64(10 + index))
            stages.append(counting.map { CountedStage(stage, $0) } ?? stage)
            heads.append(try head(width, seed: UInt64(20 + index)))
            channels = width
        }
        return try ExitNetwork(
            stages: stages, heads: heads, combiner: combiner, narrowBelow: narrowBelow)
    }
}

/// Counts the rows that a stage is called with.
private final class CallCount: @unchecked Sendable {
    var rows: [Int] = []
}

private final class CountedStage: Stage {
    let stage: any Stage
    let count: CallCount
    init(_ stage: any Stage, _ count: CallCount) { (self.stage, self.count) = (stage, count) }
    func run(_ features: inout Features) throws(ProteanError) {
        let x = try features.tensor("x")
        if !x.isShapeOnly { count.rows.append(x.shape[0]) }
        try stage.run(&features)
    }
}

@Suite("ExitNetwork: rows leave, and what they skip is not computed")
struct ExitNetworkTests {
    /// A threshold per exit between the scores, so that rows leave at every exit.
    private func mixedPolicy(_ network: ExitNetwork, _ x: Tensor) throws -> ExitPolicy {
        let thresholds = try network.all(x).map { logits -> Float in
            let rows = logits.shape[0], classes = Exits.classes
            let scores = (0..<rows).map {
                Criterion.probabilities(logits.elements[$0 * classes..<($0 + 1) * classes]).max()!
            }
            return scores.sorted()[rows * 2 / 3]
        }
        return .threshold(.maximumProbability, thresholds)
    }

    @Test(arguments: [ExitNetwork.Combiner.own, .boosted([0.5, 0.5])])
    func rowsGetTheBitsTheyWouldGetAlone(_ combiner: ExitNetwork.Combiner) throws {
        let network = try Exits.network(combiner: combiner)
        let lazy = try Exits.network(combiner: combiner, narrowBelow: 0.5)
        let x = try Tensor.random([9, 7, 10, 3], seed: 5)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let policy = try mixedPolicy(network, x)
                let all = try network.all(x)
                let result = try network.dynamic(x, policy: policy)
                #expect(Set(result.exits) == [0, 1, 2])
                for row in 0..<9 {
                    let alone = try network.dynamic(try x.sample(row), policy: policy)
                    #expect(alone.exits == [result.exits[row]])
                    let own = try result.logits.sample(row)
                    #expect(own.isBitEqual(to: alone.logits))
                    #expect(own.isBitEqual(to: try all[result.exits[row]].sample(row)))
                }
                let later = try lazy.dynamic(x, policy: policy)
                #expect(later.logits.isBitEqual(to: result.logits) && later.exits == result.exits)
                #expect(result.wasted == 0)
            }
        }
    }

    @Test(arguments: [0, 1, 7, 32])
    func untilEqualsAllAndOrderDoesNotMatter(_ batch: Int) throws {
        let network = try Exits.network(combiner: .boosted([0.5, 0.25]))
        let x = try Tensor.random([batch, 6, 5, 3], seed: 8)
        let all = try network.all(x)
        for exit in 0..<3 {
            #expect(try network.until(exit, x).isBitEqual(to: all[exit]))
        }
        #expect(try network(x).isBitEqual(to: all[2]))
        guard batch > 1 else { return }
        let policy = try mixedPolicy(network, x)
        let result = try network.dynamic(x, policy: policy)
        let order = Array((0..<batch).reversed())
        let turned = try network.dynamic(
            try Operations.indexSelect(x, axis: 0, indices: order), policy: policy)
        #expect(turned.exits == order.map { result.exits[$0] })
        let expected = try Operations.indexSelect(result.logits, axis: 0, indices: order)
        #expect(turned.logits.isBitEqual(to: expected))
    }

    @Test func laterStagesSeeOnlyTheRowsThatStayed() throws {
        let count = CallCount()
        let network = try Exits.network(counting: count)
        let x = try Tensor.random([8, 6, 5, 3], seed: 9)
        let policy = try mixedPolicy(network, x)
        count.rows = []
        let result = try network.dynamic(x, policy: policy)
        let second = result.exits.count { $0 >= 1 }, third = result.exits.count { $0 == 2 }
        #expect(count.rows == [8, second, third])
        let table = try network.costs(for: x.shape)
        #expect(result.executed == result.exits.map { table.exits[$0].multiplyAdds })
        // The counted cost of the layers that ran is what the rows are charged.
        let counted = try Trace.measuring { () throws(ProteanError) in
            try network.dynamic(x, policy: policy)
        }
        #expect(counted.cost.executedMultiplyAdds == result.executed.reduce(0, +))
        let traced = try network.dynamic(x, policy: policy, counting: true)
        #expect(traced.executed == result.executed)
        count.rows = []
        _ = try network.dynamic(x, policy: .threshold(.maximumProbability, [0, 0, 0]))
        #expect(count.rows == [8])
    }

    @Test func rowsThatNobodyIsSureOf() throws {
        let network = try Exits.network()
        let x = try Tensor.random([6, 6, 5, 3], seed: 10)
        let never = ExitPolicy.threshold(.maximumProbability, [2, 2, 2])
        let last = try network.dynamic(x, policy: never)
        #expect(last.exits == [2, 2, 2, 2, 2, 2])
        #expect(last.logits.isBitEqual(to: try network(x)))
        let surest = try network.dynamic(x, policy: never, fallback: .mostConfident)
        let all = try network.all(x)
        for row in 0..<6 {
            let scores = try all.map { try $0.sample(row) }.map {
                Criterion.probabilities($0.elements[...]).max()!
            }
            let best = scores.firstIndex(of: scores.max()!)!
            #expect(surest.exits[row] == best)
            #expect(try surest.logits.sample(row).isBitEqual(to: try all[best].sample(row)))
        }
        #expect(surest.executed == last.executed)
    }

    @Test func wastedRowsAreCountedApart() throws {
        let network = try Exits.network(narrowBelow: 0)
        let x = try Tensor.random([6, 6, 5, 3], seed: 11)
        let policy = try mixedPolicy(network, x)
        let result = try network.dynamic(x, policy: policy)
        let table = try network.costs(for: x.shape)
        let all = result.executed.reduce(0, +) + result.wasted
        #expect(all == 6 * table.full)
    }

    @Test func budgetsChooseTheDeepestExit() throws {
        let network = try Exits.network()
        let x = try Tensor.random([2, 6, 5, 3], seed: 12)
        let table = try network.costs(for: x.shape)
        #expect(table.exits.map(\.multiplyAdds) == table.exits.map(\.multiplyAdds).sorted())
        let first = table.exits[0]
        #expect(first.multiplyAdds == 30 * 9 * 3 * 16 + 16 * 5 && first.head == 16 * 5)
        let middle = try network.anytime(x, multiplyAdds: table.exits[2].multiplyAdds - 1)
        #expect(middle.exit == 1)
        #expect(middle.logits.isBitEqual(to: try network.until(1, x)))
        #expect(throws: ProteanError.self) {
            try network.anytime(x, multiplyAdds: first.multiplyAdds - 1)
        }
        let late = try network.anytime(x, deadline: .now.advanced(by: .seconds(-1)))
        #expect(late.exit == 0)
        #expect(late.logits.isBitEqual(to: try network.until(0, x)))
        let early = try network.anytime(x, deadline: .now.advanced(by: .seconds(600)))
        #expect(early.exit == 2)
    }

    @Test func boostingFollowsThePaper() throws {
        let f: [[Float]] = [[2, 0, -1], [0.5, 1, 0], [0, 0.2, 0.1]]
        let heads = f.map { ConstantHead($0) as any ExitHead }
        let pass = LayerStage(IdentityLayer())
        let network = try ExitNetwork(
            stages: [pass, pass, pass], heads: heads, combiner: .boosted([0.5, 0.5]))
        let all = try network.all(try Tensor(zeros: [1, 1]))
        #expect(all[1].elements == [1.5, 1, -0.5])
        #expect(zip(all[2].elements, [0.75, 0.7, -0.15]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func refusesWhatDoesNotFit() throws {
        let pass = LayerStage(IdentityLayer()), head = ConstantHead([1, 2])
        #expect(throws: ProteanError.self) { try ExitNetwork(stages: [], heads: []) }
        #expect(throws: ProteanError.self) { try ExitNetwork(stages: [pass, pass], heads: [head]) }
        #expect(throws: ProteanError.self) {
            try ExitNetwork(stages: [pass], heads: [head], combiner: .boosted([1]))
        }
        #expect(throws: ProteanError.self) {
            try ExitNetwork(stages: [pass], heads: [head], narrowBelow: 2)
        }
        let network = try ExitNetwork(stages: [pass], heads: [head])
        let x = try Tensor(zeros: [1, 1])
        #expect(throws: ProteanError.self) { try network.until(1, x) }
        #expect(throws: ProteanError.self) {
            try network.dynamic(x, policy: .threshold(.margin, [0, 0]))
        }
        #expect(throws: ProteanError.self) {
            try network.dynamic(try Tensor(shapeOnly: [1, 1]), policy: .threshold(.margin, [0]))
        }
        let misshapen = try ExitNetwork(
            stages: [pass], heads: [LayerHead(IdentityLayer())])
        #expect(throws: ProteanError.self) { try misshapen(try Tensor(zeros: [1, 2, 3])) }
    }
}

/// The same logits for every row.
private final class ConstantHead: ExitHead {
    let values: [Float]
    init(_ values: [Float]) { self.values = values }
    func logits(
        _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        let rows = features.rows.count
        return try Tensor((0..<rows).flatMap { _ in values }, shape: [rows, values.count])
    }
}

private final class IdentityLayer: Layer {
    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }
}
