import ProteanModels
import Testing

@testable import Protean

/// What networks that skip blocks compute, and what they leave out.
@Suite struct SkippingExecutionTests {
    /// Small networks whose gates decide differently for the rows of a batch.
    static let kinds = [
        "skipnet_ff", "skipnet_ff2", "skipnet_rnn", "blockdrop", "aig", "aig_sampling",
        "skipnet_imagenet", "blockdrop_imagenet", "aig_imagenet",
    ]

    static func network(_ kind: String) throws -> any SkippingNetwork {
        let small = SkipNet.Backbone.cifar(depth: 14)
        let network: any SkippingNetwork =
            switch kind {
            case "skipnet_ff": try SkipNet(small, gates: .feedForward(.pooledPair))
            case "skipnet_ff2": try SkipNet(small, gates: .feedForward(.single))
            case "skipnet_rnn": try SkipNet(small, gates: .recurrent)
            case "blockdrop": try BlockDrop(small)
            case "aig": try ConvNetAIG(small)
            case "aig_sampling": try ConvNetAIG(small, sampling: 7)
            case "skipnet_imagenet":
                try SkipNet(.imageNet(layers: 18), gates: .recurrent, classes: 11)
            case "blockdrop_imagenet": try BlockDrop(.imageNet(layers: 18), classes: 11)
            default: try ConvNetAIG(.imageNet(layers: 50), classes: 11)
            }
        network.assignLabels()
        try network.initializeWeights(seed: 3)
        for named in network.allParameters() {
            // Equal biases of both scores, and weights that spread them.
            let name = named.name
            let isGate = ["linear_layer", "proj", "logit", "fc2"].contains { name.contains($0) }
            if isGate, name.hasSuffix("bias") {
                try named.parameter.set(Tensor(zeros: named.parameter.shape))
            } else if isGate || name.contains("gate"), name.hasSuffix("weight"),
                named.parameter.shape.count > 1
            {
                try named.parameter.set(
                    SkippingNetworkTests.uniform(name, named.parameter.shape, in: -1...1))
            } else if name.hasSuffix("running_mean") {
                try named.parameter.set(
                    SkippingNetworkTests.uniform(
                        name, named.parameter.shape, in: -0.2...0.2))
            }
        }
        return network
    }

    static func images(_ kind: String, _ batch: Int) throws -> Tensor {
        let side = kind.hasSuffix("imagenet") ? (64, 48) : (32, 24)
        let x = try Tensor.random([batch, side.0, side.1, 3], seed: 21)
        let tint = try Tensor.random([batch, 1, 1, 3], seed: 22)
        return try Operations.add(x, tint)
    }

    static func withSource<R>(
        _ source: DecisionSource, _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        try DecisionSource.with(source, body)
    }

    @Test(arguments: kinds) func rowsHaveTheBitsOfTheRowAlone(_ kind: String) throws {
        let network = try Self.network(kind)
        for (isa, threads) in allRuntimes where threads != 2 || isa != .scalar {
            // Under the scalar instruction set the large networks would take long.
            if isa == .scalar, kind.hasSuffix("imagenet") { continue }
            try Runtime.with(isa: isa, threads: threads) {
                for batch in [0, 1, 7] {
                    let x = try Self.images(kind, batch)
                    let found = try network.skipping(x)
                    if batch == 7 {
                        #expect(found.uniquePaths > 1)
                        let kept = found.ran.flatMap(\.self)
                        #expect(kept.contains(true) && kept.contains(false))
                    }
                    for row in 0..<batch {
                        let scope = RowPlan(rows: [row], batch: batch, checked: ())
                        let alone = try RowScope.with(scope) { () throws(ProteanError) in
                            try network.skipping(x.slice(axis: 0, from: row, to: row + 1))
                        }
                        let same = try found.logits.sample(row).isBitEqual(to: alone.logits)
                        #expect(same, "\(isa) \(threads) batch \(batch) row \(row)")
                        #expect(found.ran.map { $0[row] } == alone.ran.map { $0[0] })
                        #expect(found.executed[row] == alone.executed[0])
                    }
                }
            }
        }
    }

    @Test(arguments: kinds) func givenDecisionsRule(_ kind: String) throws {
        let network = try Self.network(kind)
        let x = try Self.images(kind, 7)
        let trace = DecisionTrace()
        let found = try trace.recording { try network.skipping(x) }
        #expect(trace.sites == found.sites && trace.uniquePaths == found.uniquePaths)
        let replayed = try Self.withSource(.table(trace.table)) { () throws(ProteanError) in
            try network.skipping(x)
        }
        #expect(replayed.logits.isBitEqual(to: found.logits))
        // Gates are not computed under a table.
        let costs = try network.skipCosts(for: x.shape)
        let gates = costs.policy + costs.gates.reduce(0, +)
        #expect(gates > 0)
        #expect(replayed.executed.map { $0 + gates } == found.executed)
        // A random table: every row as alone under its own row of the table.
        var table: [String: [[Choice.Pick]]] = [:]
        for (index, site) in found.sites.enumerated() {
            table[site] = (0..<7).map {
                let runs = CounterRandom.uniform(seed: 5, site: index, row: $0) < 0.5
                return [Choice.Pick(action: runs ? SkipBlock.run : SkipBlock.pass)]
            }
        }
        let given = try Self.withSource(.table(table)) { () throws(ProteanError) in
            try network.skipping(x)
        }
        for row in 0..<7 {
            let own = table.mapValues { [$0[row]] }
            let alone = try Self.withSource(.table(own)) { () throws(ProteanError) in
                try network(x.slice(axis: 0, from: row, to: row + 1))
            }
            #expect(try given.logits.sample(row).isBitEqual(to: alone))
        }
    }

    @Test(arguments: kinds) func executedIsWhatLayersCount(_ kind: String) throws {
        let network = try Self.network(kind)
        for batch in [0, 1, 7] {
            let x = try Self.images(kind, batch)
            for source in [
                DecisionSource.gates, .everywhere([SkipBlock.run]), .everywhere([SkipBlock.pass]),
            ] {
                let trace = Trace()
                let found = try trace.recording { () throws(ProteanError) in
                    try Self.withSource(source) { () throws(ProteanError) in
                        try network.skipping(x)
                    }
                }
                let counted = trace.events.filter { $0.layer != "SkipBlock" }
                    .reduce(0) { $0 + $1.cost.multiplyAdds }
                #expect(found.executed.reduce(0, +) == counted)
                #expect(trace.totalCost.executedMultiplyAdds == counted)
                #expect(trace.executed(batch: batch) == found.executed)
                if case .gates = source {
                    #expect(trace.totalCost.multiplyAdds == batch * found.full)
                    #expect(found.full == (try network.skipCosts(for: x.shape).full))
                }
            }
        }
        let one = try network.cost(for: [1] + Self.images(kind, 1).shape.dropFirst())
        #expect(one.multiplyAdds == (try network.skipping(Self.images(kind, 1)).full))
    }

    @Test(arguments: kinds) func permutedRowsGivePermutedResults(_ kind: String) throws {
        // Draws belong to the number of a row, so a sampling network is not asked.
        if kind == "aig_sampling" { return }
        let network = try Self.network(kind)
        let x = try Self.images(kind, 7)
        let order = [4, 0, 6, 2, 5, 1, 3]
        let y = try network(x)
        let permuted = try network(Operations.indexSelect(x, axis: 0, indices: order))
        #expect(permuted.isBitEqual(to: try Operations.indexSelect(y, axis: 0, indices: order)))
    }

    /// All on is the static residual network, bit for bit.
    @Test(arguments: ["skipnet_ff", "skipnet_rnn", "aig"])
    func allOnIsTheStaticNetwork(_ kind: String) throws {
        let network = try Self.network(kind)
        let twin = try CIFARResNet(depth: 14, shortcut: .projection, classifierName: "fc")
        for named in twin.allParameters() {
            var name = named.name
            if kind == "aig" {
                name = name.replacing("downsample", with: "shortcut").replacing(
                    "fc.", with: "linear.")
            } else if name.hasPrefix("layer") {
                let parts = name.split(separator: ".", maxSplits: 2)
                name = "group\(parts[0].dropFirst(5))_layer\(parts[1]).\(parts[2])"
            }
            try named.parameter.set(#require(network.parameter(at: name)).value)
        }
        for batch in [0, 1, 3, 7] {
            let x = try Self.images(kind, batch)
            let all = try Self.withSource(.everywhere([SkipBlock.run])) {
                () throws(ProteanError) in try network.skipping(x)
            }
            #expect(all.logits.isBitEqual(to: try twin(x)))
            #expect(all.computationPercentage == 100)
        }
    }

    /// All off leaves the stem, the shortcuts, the first block of SkipNet, and the head.
    @Test(arguments: kinds) func allOffLeavesTheShortcuts(_ kind: String) throws {
        let network = try Self.network(kind)
        let x = try Self.images(kind, 3)
        let found = try Self.withSource(.everywhere([SkipBlock.pass])) {
            () throws(ProteanError) in try network.skipping(x)
        }
        var y = try network.stem(x)
        for (index, block) in network.blocks.enumerated() {
            y = try SkipBlockPath.expected(block, y, runs: index < network.fixedBlocks)
        }
        #expect(found.logits.isBitEqual(to: try network.head(y)))
        #expect(found.blocks == [Int](repeating: network.fixedBlocks, count: 3))
        #expect(found.uniquePaths == 1)
        #expect(found.executed.allSatisfy { $0 == found.executed[0] && $0 < found.full })
    }

    @Test func percentagesFollowTheirFormulas() throws {
        let network = try Self.network("skipnet_rnn")
        let found = try network.skipping(Self.images("skipnet_rnn", 7))
        let gates = found.choices.count
        #expect(gates == 5 && network.blocks.count == 6)
        let kept = found.ran.flatMap(\.self).filter { $0 }.count
        let shares = Double(kept) / 7
        #expect(abs(found.computationPercentage - 100 * (shares + 1) / Double(gates + 1)) < 1e-9)
        let sum = Double(found.executed.reduce(0, +))
        #expect(abs(found.multiplyAddPercentage - 100 * sum / Double(7 * found.full)) < 1e-9)
    }

    @Test func gatesOfConvNetAIGAreOpenAtFirst() throws {
        let gate = try AdaptiveInferenceGate(channels: 16)
        let scores = try gate(Tensor.random([5, 8, 6, 16]))
        for row in 0..<5 { #expect(abs(scores.elements[2 * row + 1] - 0.870) < 2e-3) }
        // A network's fresh weights leave them so.
        let network = try ModelLoader.standard.makeModel("convnet_aig_resnet110_cifar")
        let fc2 = try #require(network.parameter(at: "layer2.3.fc2.weight")).value.elements
        #expect(fc2.allSatisfy { abs($0) < 0.0018 } && fc2.contains { $0 != 0 })
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for bad in [0, 7, 36, 9000] {
            #expect(throws: ProteanError.self) { try BlockDrop(.cifar(depth: bad)) }
        }
        #expect(throws: ProteanError.self) { try ConvNetAIG(.imageNet(layers: 51)) }
        let network = try Self.network("aig")
        #expect(throws: ProteanError.self) { try network(Tensor(zeros: [2, 32, 32, 4])) }
        #expect(throws: ProteanError.self) { try network(Tensor(zeros: [2, 32])) }
        #expect(throws: ProteanError.self) {
            try network.skipping(Tensor(shapeOnly: [2, 32, 32, 3]))
        }
        #expect(try network.outputShape(for: [2, 32, 32, 3]) == [2, 10])
        let x = try Self.images("aig", 3)
        let site = network.blocks[0].place
        #expect(throws: ProteanError.self) {
            try Self.withSource(.table([site: [[Choice.Pick(action: 1)]]])) {
                () throws(ProteanError) in try network(x)
            }
        }
    }
}

/// A block in terms of its parts.
enum SkipBlockPath {
    static func expected(_ block: SkipBlock, _ x: Tensor, runs: Bool) throws -> Tensor {
        var y = x
        try block.apply(
            to: &y, running: RowPlan(where: [Bool](repeating: runs, count: x.shape[0])))
        return y
    }
}

extension RowPlan {
    /// A plan that is known to fit.
    fileprivate init(rows: [Int], batch: Int, checked: Void) {
        self.init(where: (0..<batch).map(rows.contains))
    }
}
