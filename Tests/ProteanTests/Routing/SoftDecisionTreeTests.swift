import Testing

@testable import Protean

/// Soft decision trees against the PyTorch port.
@Suite struct SoftDecisionTreeTests {
    static let golden = Result {
        try Checkpoint.open(GoldenFiles.path("layers/routing.safetensors"))
    }

    static func golden(_ name: String) throws -> Tensor { try golden.get().tensor("tree.\(name)") }

    static func port(_ inference: SoftDecisionTree.Inference) throws -> SoftDecisionTree {
        let tree = try SoftDecisionTree(
            inputFeatures: 5, classes: 4, depth: 3, inference: inference)
        for named in tree.allParameters() {
            try named.parameter.set(try golden("weights.\(named.name)"))
        }
        return tree
    }

    @Test func namesAreThePorts() throws {
        let tree = try Self.port(.bestLeaf)
        let names = try Self.golden.get().names.filter { $0.hasPrefix("tree.weights.") }
        #expect(Set(tree.allParameters().map { "tree.weights.\($0.name)" }) == Set(names))
    }

    @Test func pathProbabilitiesAreThePorts() throws {
        let tree = try Self.port(.bestLeaf)
        let paths = try tree.pathProbabilities(try Self.golden("x"))
        #expect(try paths.maximumDifference(from: Self.golden("paths")) < 1e-6)
        let sums = try paths.sum(axes: [1]).elements
        #expect(sums.allSatisfy { abs($0 - 1) < 1e-6 })
    }

    @Test func bestLeafAndMixtureAreThePorts() throws {
        let x = try Self.golden("x")
        let best = try Self.port(.bestLeaf)(x), mixture = try Self.port(.mixture)(x)
        #expect(try best.maximumDifference(from: Self.golden("output")) < 1e-6)
        #expect(try mixture.maximumDifference(from: Self.golden("mixture")) < 1e-6)
    }

    @Test func greedyFollowsTheLikelierSide() throws {
        let tree = try Self.port(.greedy)
        let x = try Tensor.random([40, 5], seed: 6)
        let (y, paths) = try tree.decided(x)
        let leaves = try tree.leafDistributions()
        let all = try Self.port(.bestLeaf).decided(x).decision
        var differ = 0
        for row in 0..<40 {
            let path = paths.nodes[row]
            #expect(path.count == 4 && paths.probabilities[row].allSatisfy { $0 >= 0.5 })
            let leaf = try leaves.rows([path[3] - 7])
            let own = try y.rows([row])
            #expect(try own.maximumDifference(from: leaf) == 0)
            #expect(all.pathProbabilities[row] >= paths.pathProbabilities[row] - 1e-6)
            differ += all.nodes[row] == path ? 0 : 1
        }
        #expect(differ < 40)
        #expect(paths.executed == [Int](repeating: 15, count: 40))
        #expect(all.executed == [Int](repeating: 35, count: 40))
    }

    /// Multiply-adds of the products that ran: depth · features per row, not all nodes'.
    @Test func greedyComputesVisitedNodesOnly() throws {
        let tree = try Self.port(.greedy)
        let x = try Tensor.random([9, 5], seed: 2)
        let trace = Trace()
        _ = try trace.recording { try tree(x) }
        #expect(trace.totalCost.multiplyAdds == 9 * 15)
        let full = Trace()
        _ = try full.recording { try Self.port(.bestLeaf).pathProbabilities(x) }
        #expect(full.totalCost.multiplyAdds == 9 * 35)
    }

    @Test(arguments: SoftDecisionTree.Inference.allCases)
    func rowsAreIndependent(_ inference: SoftDecisionTree.Inference) throws {
        try expectRowsAlone(try Self.port(inference), try Tensor.random([7, 5], seed: 3))
    }

    @Test func valuesThatAreNoNumbersAreRefused() throws {
        let x = try Tensor([0, 0, .nan, 0, 0], shape: [1, 5])
        #expect(throws: ProteanError.self) { try Self.port(.greedy)(x) }
        #expect(throws: ProteanError.self) { try Self.port(.bestLeaf)(x) }
        #expect(try Self.port(.mixture)(x).elements.allSatisfy(\.isNaN))
    }

    @Test func optionsAreChecked() throws {
        expectRefusal(of: "depth") {
            _ = try SoftDecisionTree(inputFeatures: 5, classes: 4, depth: 0)
        }
        expectRefusal(of: "classes") {
            _ = try SoftDecisionTree(inputFeatures: 5, classes: 0, depth: 1)
        }
        expectMismatch(of: "x") { _ = try Self.port(.greedy)(try Tensor(zeros: [2, 4])) }
    }
}
