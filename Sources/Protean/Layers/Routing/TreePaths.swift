/// The ways of a batch's rows through a tree.
public struct TreePaths: Sendable {
    /// For each row the numbers of the nodes that it visited, the root first, the leaf last.
    public let nodes: [[Int]]
    /// For each row the probability of each of its steps, one less than nodes.
    public let probabilities: [[Float]]
    /// Multiply-adds executed for each row within the tree.
    public let executed: [Int]

    /// For each row the product of its steps' probabilities.
    public var pathProbabilities: [Float] { probabilities.map { $0.reduce(1, *) } }
}
