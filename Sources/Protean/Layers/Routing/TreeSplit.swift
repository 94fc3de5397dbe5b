/// An inner node of a ``SoftDecisionTree``: the scores of its left and its right side are 1 − p and
/// p = σ(β · (w · x + b)).
final class TreeSplit: DecisionGate {
    let linear: Linear
    let beta: Parameter

    init(inputFeatures: Int, seed: UInt64) throws(ProteanError) {
        linear = try Linear(inputFeatures: inputFeatures, outputFeatures: 1, seed: seed)
        beta = try Parameter(uniform: [1], in: 0.5...1.5, seed: seed &+ 2, layer: "TreeSplit")
    }

    /// Grows when a parameter changes.
    var version: Int { linear.weight.version + (linear.bias?.version ?? 0) + beta.version }

    func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        let z = try Operations.multiply(try linear(x), beta.value)
        let right = try Operations.activate(z, .sigmoid)
        let left = try Operations.subtract(try Tensor(scalar: 1), right)
        return try Operations.concatenate([left, right], axis: 1)
    }
}

/// A leaf of a ``SoftDecisionTree``: the same distribution for every row.
final class TreeLeaf: Layer {
    let logits: Parameter

    init(classes: Int, seed: UInt64) throws(ProteanError) {
        logits = try Parameter(uniform: [classes], in: -1...1, seed: seed, layer: "TreeLeaf")
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let rows = x.shape.first ?? 0
        if x.isShapeOnly { return try Tensor(shapeOnly: [rows, logits.count]) }
        let shares = try Operations.softmax(try logits.value.reshaped(to: [1, logits.count]))
        return try Operations.indexSelect(
            shares, axis: 0, indices: [Int](repeating: 0, count: rows))
    }
}
