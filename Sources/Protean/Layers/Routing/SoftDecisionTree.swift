/// A soft decision tree: inner nodes are logistic splits, leaves are fixed distributions over
/// classes.
///
/// ```
/// p(right | x) = σ(β · (w · x + b)),  P(leaf) = Π of its path's probabilities,  Q = softmax(leaf)
/// ```
/// Frosst, Hinton, "Distilling a Neural Network Into a Soft Decision Tree", 2017, arXiv 1711.09784.
/// Input `[batch, inputFeatures]`, output `[batch, classes]`, probabilities. Parameters as in the
/// PyTorch port: nodes level by level, in each level from **right to left**: `module_list.n.weight`
/// `[1, inputFeatures]`, `.bias` `[1]`, `param_list.n` `[1]` (β) for inner nodes, then
/// `param_list.n` `[classes]` for leaves. Cost: inputFeatures multiply-adds per visited node; all
/// 2^depth − 1 inner nodes are visited unless the inference is ``Inference/greedy``.
public final class SoftDecisionTree: Layer, ConditionalLayer {
    /// How a row's distribution comes from the leaves.
    public enum Inference: String, Sendable, CaseIterable {
        /// Q of the leaf of largest path probability, the leftmost of equal ones: the paper's.
        case bestLeaf
        /// Σ P(leaf) · Q over all leaves.
        case mixture
        /// Q of the leaf that is reached by taking the likelier side at each node; ½ goes left.
        /// Only the visited nodes are computed. The leaf need not be the one of ``bestLeaf``.
        case greedy
    }

    /// Size of the input.
    public let inputFeatures: Int
    /// Size of the output.
    public let classes: Int
    /// Number of inner nodes on each path.
    public let depth: Int
    /// How a row's distribution comes from the leaves.
    public let inference: Inference
    /// Where the tree stands in a model.
    public let label: Label? = Label()

    /// Inner nodes in heap order: node n has the children 2 n + 1 (left) and 2 n + 2 (right).
    let splits: [TreeSplit]
    /// From left to right.
    let leaves: [TreeLeaf]
    /// The tree as nested ``Dispatch``es, for ``Inference/greedy``.
    private let nested: any Layer
    private let stacked = Derived<Int, TreeWeights>()
    private let distributions = Derived<Int, Tensor>()

    /// A tree with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputFeatures: Int, classes: Int, depth: Int = 8, inference: Inference = .bestLeaf,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "SoftDecisionTree"
        try checkChannels(inputFeatures, "inputFeatures", layer: layer)
        try checkChannels(classes, "classes", layer: layer)
        try checkOption(depth, "depth", in: 1...16, layer: layer)
        self.inputFeatures = inputFeatures
        self.classes = classes
        self.depth = depth
        self.inference = inference
        var splits: [TreeSplit] = [], leaves: [TreeLeaf] = []
        for node in 0..<(1 << depth) - 1 {
            splits.append(
                try TreeSplit(inputFeatures: inputFeatures, seed: seed &+ UInt64(3 * node)))
        }
        for leaf in 0..<1 << depth {
            leaves.append(try TreeLeaf(classes: classes, seed: ~seed &- UInt64(leaf)))
        }
        self.splits = splits
        self.leaves = leaves
        nested = try Self.nest(0, splits, leaves)
    }

    /// The subtree at a node: leaf, or a choice between two subtrees.
    private static func nest(
        _ node: Int, _ splits: [TreeSplit], _ leaves: [TreeLeaf]
    ) throws(ProteanError) -> any Layer {
        guard node < splits.count else { return leaves[node - splits.count] }
        return try Dispatch(
            parts: [
                try nest(2 * node + 1, splits, leaves), try nest(2 * node + 2, splits, leaves),
            ], gate: splits[node], rule: .argmax, combine: .replace)
    }

    /// `param_list.n`, of inner nodes and leaves.
    public var parameters: [NamedParameter] {
        let all = splits.map(\.beta) + leaves.map(\.logits)
        return Self.fileOrder(all.count).enumerated().map {
            NamedParameter("param_list.\($0)", all[$1])
        }
    }

    /// `module_list.n`, the splits' products.
    public var submodules: [NamedModule] {
        Self.fileOrder(splits.count).enumerated().map {
            NamedModule("module_list.\($0)", splits[$1].linear)
        }
    }

    /// Fixed.
    public var channelFlow: ChannelFlow { .fixed(input: inputFeatures, output: classes) }

    /// Heap numbers in the order of the file: level by level, each from right to left.
    private static func fileOrder(_ count: Int) -> [Int] {
        var order: [Int] = [], first = 0
        while first < count {
            let next = 2 * first + 1
            order += (first..<min(next, count)).reversed()
            first = next
        }
        return order
    }

    /// The classes' probabilities.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or a probability that decides is not a
    ///   number.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try check(x)
        if inference == .greedy { return try nested(x) }
        let probabilities = try pathProbabilities(x)
        let distributions = try leafDistributions()
        if x.isShapeOnly || inference == .mixture {
            return try Operations.matmul(probabilities, distributions)
        }
        return try Operations.indexSelect(
            distributions, axis: 0, indices: try bestLeaves(probabilities))
    }

    /// The probabilities, and each row's way to its leaf: the best one for ``Inference/mixture``.
    ///
    /// Nodes have heap numbers: the root is 0, node n has the children 2 n + 1 and 2 n + 2, and the
    /// leaves follow the inner nodes.
    /// - Throws: as ``callAsFunction(_:)``; ``ProteanError/noValues(layer:)`` for a shape only.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: TreePaths) {
        try check(x)
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        let right = try rightProbabilities(x).elements
        let nodes: [[Int]], cost: Int
        if inference == .greedy {
            nodes = (0..<x.shape[0]).map { greedyPath(right, row: $0) }
            cost = depth * inputFeatures
        } else {
            nodes = try bestLeaves(try pathProbabilities(x)).map { path(to: $0) }
            cost = splits.count * inputFeatures
        }
        let steps = nodes.enumerated().map { row, path in
            zip(path, path.dropFirst()).map { node, child in
                let p = right[row * splits.count + node]
                return child == 2 * node + 2 ? p : 1 - p
            }
        }
        let executed = [Int](repeating: cost, count: nodes.count)
        return (
            try self(x), TreePaths(nodes: nodes, probabilities: steps, executed: executed)
        )
    }

    private func check(_ x: Tensor) throws(ProteanError) {
        guard x.rank == 2, x.shape[1] == inputFeatures else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, \(inputFeatures)]", found: x.shape)
        }
    }

    /// The probability of each leaf, from left to right: `[batch, leaves]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func pathProbabilities(_ x: Tensor) throws(ProteanError) -> Tensor {
        let right = try rightProbabilities(x)
        let shape = [x.shape[0], leaves.count]
        guard !x.isShapeOnly else { return try Tensor(shapeOnly: shape) }
        let values = right.elements
        var found: [Float] = []
        found.reserveCapacity(x.shape[0] * leaves.count)
        for row in 0..<x.shape[0] {
            var level: [Float] = [1], first = 0
            for _ in 0..<depth {
                level = level.enumerated().flatMap { position, path in
                    let p = values[row * splits.count + first + position]
                    return [path * (1 - p), path * p]
                }
                first = 2 * first + 1
            }
            found += level
        }
        return try Tensor(found, shape: shape)
    }

    /// The distributions of the leaves, from left to right: `[leaves, classes]`.
    public func leafDistributions() throws(ProteanError) -> Tensor {
        let version = leaves.reduce(0) { $0 + $1.logits.version }
        return try distributions.value(for: version) { () throws(ProteanError) in
            let rows = try Operations.concatenate(
                try leaves.map { leaf throws(ProteanError) in
                    try leaf.logits.value.reshaped(to: [1, classes])
                }, axis: 0)
            return try Operations.softmax(rows)
        }
    }

    /// σ(β · (w · x + b)) of every inner node in heap order: `[batch, nodes]`.
    private func rightProbabilities(_ x: Tensor) throws(ProteanError) -> Tensor {
        let version = splits.reduce(0) { $0 + $1.version }
        let weights = try stacked.value(for: version) { () throws(ProteanError) in
            try TreeWeights(splits, inputFeatures)
        }
        return try traced(
            "SoftDecisionTree", path: label, input: x,
            cost: { Cost(multiplyAdds: $0.count * inputFeatures, parameters: parameterCount) }
        ) { () throws(ProteanError) in
            let z = try Operations.matmul(x, weights.weight, transposeB: true)
            let scaled = try Operations.multiply(
                try Operations.add(z, weights.bias), weights.beta)
            return try Operations.activate(scaled, .sigmoid)
        }
    }

    private func bestLeaves(_ probabilities: Tensor) throws(ProteanError) -> [Int] {
        let values = probabilities.elements
        if let wrong = values.firstIndex(where: \.isNaN) {
            throw .invalidOption(
                layer: place, option: "path probabilities of row \(wrong / leaves.count)",
                expected: "numbers", found: "NaN")
        }
        return stride(from: 0, to: values.count, by: leaves.count).map { start in
            Criterion.predictedClass(values[start..<start + leaves.count])
        }
    }

    private func path(to leaf: Int) -> [Int] {
        var path = [splits.count + leaf]
        while let node = path.first, node > 0 { path.insert((node - 1) / 2, at: 0) }
        return path
    }

    private func greedyPath(_ right: [Float], row: Int) -> [Int] {
        var path = [0]
        for level in 0..<depth {
            let node = path[level], p = right[row * splits.count + node]
            path.append(2 * node + (p > 1 - p ? 2 : 1))
        }
        return path
    }
}

/// The inner nodes' parameters, stacked.
private struct TreeWeights: Sendable {
    let weight, bias, beta: Tensor

    init(_ splits: [TreeSplit], _ inputs: Int) throws(ProteanError) {
        weight = try Operations.concatenate(splits.map(\.linear.weight.value), axis: 0)
        var biases: [Float] = [], betas: [Float] = []
        for split in splits {
            biases += split.linear.bias?.value.elements ?? [0]
            betas += split.beta.value.elements
        }
        bias = try Tensor(biases, shape: [splits.count])
        beta = try Tensor(betas, shape: [splits.count])
    }
}
