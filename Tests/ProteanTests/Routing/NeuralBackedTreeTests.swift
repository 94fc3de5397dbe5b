import Testing

@testable import Protean

/// Rules and induced hierarchies against the published program and scikit-learn.
@Suite struct NeuralBackedTreeTests {
    static let golden = Result {
        try Checkpoint.open(GoldenFiles.path("layers/routing.safetensors"))
    }

    static func golden(_ name: String) throws -> Tensor { try golden.get().tensor("nbdt.\(name)") }

    static func pairs(_ name: String) throws -> [[Int]] {
        let values = try golden(name).elements.map { Int($0) }
        return stride(from: 0, to: values.count, by: 2).map { [values[$0], values[$0 + 1]] }
    }

    /// The published hierarchy of CIFAR-10.
    static func tree(_ inference: NeuralBackedTree.Inference) throws -> NeuralBackedTree {
        NeuralBackedTree(
            Identity(),
            hierarchy: try ClassHierarchy(classes: 10, children: try pairs("children")),
            inference: inference)
    }

    @Test func hardRulesAreTheProgramsOwn() throws {
        let logits = try Self.golden("logits")
        let (y, paths) = try Self.tree(.hard).decided(logits)
        #expect(y.elements == (try Self.golden("hard")).elements)
        let wanted = try Self.golden("paths"), steps = try Self.golden("probabilities")
        let width = wanted.shape[1]
        for row in 0..<9 {
            let own = wanted.elements[row * width..<(row + 1) * width].filter { $0 >= 0 }
            #expect(paths.nodes[row] == own.map { Int($0) })
            // The program lists 1 for the root itself.
            let probabilities = steps.elements[row * width..<(row + 1) * width].dropFirst()
            for (found, p) in zip(paths.probabilities[row], probabilities) {
                #expect(abs(found - p) < 1e-6)
            }
        }
    }

    @Test func softRulesAreTheProgramsOwn() throws {
        let y = try Self.tree(.soft)(try Self.golden("logits"))
        #expect(try y.maximumDifference(from: Self.golden("soft")) < 1e-6)
        #expect(try y.sum(axes: [1]).elements.allSatisfy { abs($0 - 1) < 1e-5 })
    }

    @Test(arguments: [10, 37]) func inducedHierarchiesAreThoseOfScikitLearn(classes: Int) throws {
        let found = try ClassHierarchy.induced(
            from: try Self.golden("induced.\(classes).weights"))
        #expect(found.children == (try Self.pairs("induced.\(classes).children")))
        #expect(found.root == 2 * classes - 2)
        #expect(found.depth < classes)
    }

    /// Node scores are products with mean weight vectors: the rule on logits is the rule on
    /// features.
    @Test func wrapsAClassifier() throws {
        let classifier = try Linear(inputFeatures: 7, outputFeatures: 10, seed: 4)
        let hierarchy = try ClassHierarchy.induced(from: classifier.weight.value)
        let tree = NeuralBackedTree(classifier, hierarchy: hierarchy, inference: .hard)
        #expect(tree.allParameters().map(\.name) == ["weight", "bias"])
        let x = try Tensor.random([30, 7], seed: 2)
        let y = try tree(x),
            soft = try NeuralBackedTree(
                classifier, hierarchy: hierarchy, inference: .soft)(x)
        for row in 0..<30 {
            #expect(y.elements[row * 10..<(row + 1) * 10].reduce(0, +) == 1)
            #expect(abs(soft.elements[row * 10..<(row + 1) * 10].reduce(0, +) - 1) < 1e-5)
        }
        try expectRowsAlone(tree, try x.rows(Array(0..<7)))
    }

    @Test func tiesGoToTheFirstChildAndNaNIsRefused() throws {
        let hierarchy = try ClassHierarchy(classes: 3, children: [[4, 2], [0, 1]])
        #expect(hierarchy.root == 3)
        let tree = NeuralBackedTree(Identity(), hierarchy: hierarchy, inference: .hard)
        #expect(try tree(Tensor([1, 1, 1], shape: [1, 3])).elements == [1, 0, 0])
        #expect(try tree(Tensor([3, -3, 0.5], shape: [1, 3])).elements == [0, 0, 1])
        expectRefusal(of: "logits of row 0") {
            _ = try tree(Tensor([1, .nan, 1], shape: [1, 3]))
        }
        expectMismatch(of: "logits") { _ = try tree(Tensor(zeros: [1, 4])) }
    }

    @Test func hierarchiesAreChecked() throws {
        expectRefusal(of: "children of node 3") {
            _ = try ClassHierarchy(classes: 3, children: [[0, 0]])
        }
        expectRefusal(of: "children of node 3") {
            _ = try ClassHierarchy(classes: 3, children: [[0, 7]])
        }
        expectRefusal(of: "children of node 4") {
            _ = try ClassHierarchy(classes: 3, children: [[0, 1, 2, 4], []])
        }
        // Nodes 4 and 5 contain each other.
        expectRefusal(of: "children") {
            _ = try ClassHierarchy(classes: 2, children: [[0, 1], [4], [3]])
        }
        expectRefusal(of: "children") { _ = try ClassHierarchy(classes: 3, children: [[0, 1]]) }
        expectMismatch(of: "weights") {
            _ = try ClassHierarchy.induced(from: try Tensor(zeros: [1, 4]))
        }
        expectRefusal(of: "weights of class 1") {
            _ = try ClassHierarchy.induced(from: try Tensor([0, 1, .nan, 0], shape: [2, 2]))
        }
        let equal = try ClassHierarchy.induced(from: try Tensor(zeros: [5, 3]))
        #expect(equal.children.count == 4)
    }
}
