import Foundation

/// A decision tree whose splits are read from the logits of an ordinary classifier.
///
/// At an inner node the score of a child is the mean of the logits of the classes below it, which
/// is the product with the mean of their weight vectors; a softmax over the children gives
/// probabilities. Wan, Dunlap, Ho, Yin, Lee, Petryk, Bargal, Gonzalez, "NBDT: Neural-Backed
/// Decision Tree", ICLR 2021, arXiv 2004.00221. Input: the classifier's; output `[batch, classes]`.
/// Parameters have the classifier's paths. Cost: the classifier's; a decision reads each logit at
/// most once per level.
public final class NeuralBackedTree: Layer, ConditionalLayer {
    /// How a class is found.
    public enum Inference: String, Sendable, CaseIterable {
        /// Follow the child of largest score from the root, the first of equal ones. The result is
        /// 1 for the class that is reached, else 0.
        case hard
        /// The probability of a class is the product of those along its path.
        case soft
    }

    /// The classifier's parts.
    public var submodules: [NamedModule] { model.submodules }
    /// The classifier's own parameters.
    public var parameters: [NamedParameter] { model.parameters }
    /// The classifier's label.
    public var label: Label? { model.label }
    /// The tree.
    public let hierarchy: ClassHierarchy
    /// How a class is found.
    public let inference: Inference

    private let model: any Layer

    /// A tree on the logits `[batch, classes]` of `model`.
    public init(_ model: any Layer, hierarchy: ClassHierarchy, inference: Inference) {
        self.model = model
        self.hierarchy = hierarchy
        self.inference = inference
    }

    /// 0 and 1, or probabilities, of the classes.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit the model, its result has another size than
    ///   the hierarchy, or a logit that a hard decision needs is not a number.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try rule(try model(x))
    }

    /// The result, and each row's way to its class, of largest probability for
    /// ``Inference/soft``. No multiply-adds are counted for the tree itself.
    ///
    /// - Throws: as ``callAsFunction(_:)``; ``ProteanError/noValues(layer:)`` for a shape only.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: TreePaths) {
        let logits = try model(x)
        guard !logits.isShapeOnly else { throw .noValues(layer: place) }
        let result = try rule(logits)
        var nodes: [[Int]] = [], steps: [[Float]] = []
        let values = result.elements, rows = try rows(logits)
        for (row, own) in rows.enumerated() {
            let classes = values[row * hierarchy.classes..<(row + 1) * hierarchy.classes]
            let path = try path(to: Criterion.predictedClass(classes))
            nodes.append(path)
            steps.append(
                zip(path, path.dropFirst()).map { node, child in
                    let at = hierarchy.children[node - hierarchy.classes]
                        .firstIndex(of: child)
                    return probabilities(own, node: node)[at ?? 0]
                })
        }
        let executed = [Int](repeating: 0, count: nodes.count)
        return (result, TreePaths(nodes: nodes, probabilities: steps, executed: executed))
    }

    /// Applies the rule to logits `[batch, classes]`.
    ///
    /// - Throws: as ``callAsFunction(_:)``.
    public func rule(_ logits: Tensor) throws(ProteanError) -> Tensor {
        guard logits.rank == 2, logits.shape[1] == hierarchy.classes else {
            throw .shapeMismatch(
                layer: place, tensor: "logits", expected: "[batch, \(hierarchy.classes)]",
                found: logits.shape)
        }
        guard !logits.isShapeOnly else { return logits }
        var result: [Float] = []
        result.reserveCapacity(logits.count)
        for (index, row) in try rows(logits).enumerated() {
            result += inference == .hard ? try hard(row, index) : soft(row)
        }
        return try Tensor(result, shape: logits.shape)
    }

    private func rows(_ logits: Tensor) throws(ProteanError) -> [[Float]] {
        let values = logits.elements, width = hierarchy.classes
        return (0..<logits.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    /// The children's scores: means in double precision, rounded once.
    private func scores(_ row: [Float], node: Int) -> [Float] {
        hierarchy.classesBelow[node - hierarchy.classes].map { classes in
            Float(classes.reduce(0.0) { $0 + Double(row[$1]) } / Double(classes.count))
        }
    }

    private func probabilities(_ row: [Float], node: Int) -> [Float] {
        let scores = scores(row, node: node)
        let top = scores.max() ?? 0
        let powers = scores.map { exp($0 - top) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    private func hard(_ row: [Float], _ index: Int) throws(ProteanError) -> [Float] {
        var node = hierarchy.root
        while node >= hierarchy.classes {
            let scores = scores(row, node: node)
            guard !scores.contains(where: \.isNaN) else {
                throw .invalidOption(
                    layer: place, option: "logits of row \(index)", expected: "numbers",
                    found: "NaN below node \(node)")
            }
            node =
                hierarchy.children[node - hierarchy.classes][
                    Criterion.predictedClass(scores[...])]
        }
        return (0..<hierarchy.classes).map { $0 == node ? 1 : 0 }
    }

    private func soft(_ row: [Float]) -> [Float] {
        var result = [Float](repeating: 1, count: hierarchy.classes)
        for (index, children) in hierarchy.classesBelow.enumerated() {
            let shares = probabilities(row, node: hierarchy.classes + index)
            for (share, classes) in zip(shares, children) {
                for found in classes { result[found] *= share }
            }
        }
        return result
    }

    /// The nodes from the root to a class.
    private func path(to found: Int) throws(ProteanError) -> [Int] {
        var path = [hierarchy.root]
        while let node = path.last, node >= hierarchy.classes {
            let below = hierarchy.classesBelow[node - hierarchy.classes]
            guard let at = below.firstIndex(where: { $0.contains(found) }) else { break }
            path.append(hierarchy.children[node - hierarchy.classes][at])
        }
        return path
    }
}
