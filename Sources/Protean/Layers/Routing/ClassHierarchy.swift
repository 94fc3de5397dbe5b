/// A tree whose leaves are classes.
///
/// Nodes have numbers: classes 0 ..< ``classes``, then the inner nodes in order of ``children``.
public struct ClassHierarchy: Sendable, Hashable {
    /// Number of classes.
    public let classes: Int
    /// For each inner node its children, in order.
    public let children: [[Int]]
    /// The inner node without a parent.
    public let root: Int
    /// For each inner node and each of its children the classes below that child, ascending.
    let classesBelow: [[[Int]]]

    /// A tree of inner nodes.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` unless it is one tree
    ///   in which every node but the root has one parent and every inner node a child.
    public init(classes: Int, children: [[Int]]) throws(ProteanError) {
        let layer = "ClassHierarchy"
        try checkOption(classes, "classes", in: 1...OptionLimits.experts, layer: layer)
        try checkOption(
            children.count, "inner nodes", in: 1...OptionLimits.experts, layer: layer)
        var parents = [Int?](repeating: nil, count: classes + children.count)
        for (index, list) in children.enumerated() {
            guard !list.isEmpty else {
                throw Self.refused("children of node \(classes + index)", "at least one", "none")
            }
            for child in list {
                guard parents.indices.contains(child), parents[child] == nil else {
                    throw Self.refused(
                        "children of node \(classes + index)",
                        "nodes of 0..<\(parents.count), each below one node", "\(child)")
                }
                parents[child] = classes + index
            }
        }
        let roots = parents.indices.filter { parents[$0] == nil }
        guard roots.count == 1, roots[0] >= classes else {
            throw Self.refused("children", "one root", "nodes without a parent: \(roots)")
        }
        self.classes = classes
        self.children = children
        root = roots[0]
        classesBelow = try Self.classesBelow(children, classes: classes, root: roots[0])
    }

    private static func refused(
        _ option: String, _ expected: String, _ found: String
    ) -> ProteanError {
        .invalidOption(
            layer: "ClassHierarchy", option: option, expected: expected, found: found)
    }

    /// For each inner node the classes below each child. Nodes that the root does not reach lie on
    /// a circle.
    private static func classesBelow(
        _ children: [[Int]], classes: Int, root: Int
    ) throws(ProteanError) -> [[[Int]]] {
        var order = [root], next = 0
        while next < order.count {
            let node = order[next]
            if node >= classes { order += children[node - classes] }
            next += 1
        }
        guard order.count == classes + children.count else {
            let missing = Set(0..<classes + children.count).subtracting(order).sorted()
            throw refused("children", "a tree", "nodes that the root does not reach: \(missing)")
        }
        var below = [[Int]](repeating: [], count: order.count)
        for node in order.reversed() {
            below[node] =
                node < classes
                ? [node] : children[node - classes].flatMap { below[$0] }.sorted()
        }
        return children.map { list in list.map { below[$0] } }
    }

    /// The hierarchy induced by the weights of a classifier: agglomerative clustering of its rows
    /// by Ward's criterion with Euclidean distances, as Wan et al. (arXiv 2004.00221) do.
    ///
    /// Inner nodes come in the order of the unions; the last one is the root. Cost: O(classes²)
    /// time and memory.
    /// - Parameter weights: `[classes, features]`, at least 2 classes.
    /// - Throws: ``ProteanError`` when the weights have another shape or values that are not
    ///   finite.
    public static func induced(from weights: Tensor) throws(ProteanError) -> ClassHierarchy {
        guard weights.rank == 2, (2...8192).contains(weights.shape[0]) else {
            throw .shapeMismatch(
                layer: "ClassHierarchy", tensor: "weights",
                expected: "[classes, features] with 2...8192 classes", found: weights.shape)
        }
        let values = weights.elements, width = weights.shape[1]
        guard values.count == weights.count else { throw .noValues(layer: "ClassHierarchy") }
        if let wrong = values.firstIndex(where: { !$0.isFinite }) {
            throw refused(
                "weights of class \(wrong / max(width, 1))", "finite numbers", "\(values[wrong])")
        }
        let points = (0..<weights.shape[0]).map { row in
            values[row * width..<(row + 1) * width].map(Double.init)
        }
        return try ClassHierarchy(
            classes: points.count, children: WardClustering.unions(points))
    }

    /// The most inner nodes on a path.
    public var depth: Int {
        var depths = [root: 1], deepest = 1, open = [root]
        while let node = open.popLast() {
            let own = depths[node] ?? 1
            deepest = max(deepest, own)
            for child in children[node - classes] where child >= classes {
                depths[child] = own + 1
                open.append(child)
            }
        }
        return deepest
    }
}
