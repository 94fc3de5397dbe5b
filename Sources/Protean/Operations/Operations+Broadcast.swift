import CProteanKernels

extension Operations {
    /// a / b, element by element, with NumPy's broadcasting.
    ///
    /// Shapes are aligned at the innermost axis; sizes are equal or one of them is 1, which is
    /// repeated; missing axes count as 1. At most 8 axes. Division by 0 gives ±∞ or NaN. Cost: one
    /// read per operand and one write.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func divide(
        _ a: Tensor, _ b: Tensor, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_DIVIDE, a, b, activation, layer: "divide")
    }

    /// a to the power of b, element by element; shapes as in ``divide(_:_:activation:)``.
    ///
    /// Special cases are C's `pow`: x⁰ = 1 and 1ʸ = 1 even for NaN, NaN for a negative base with a
    /// fractional exponent. Within 0.51 units in the last place. Cost: some 7 ns per element on one
    /// core.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func power(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_POWER, a, b, layer: "power")
    }

    /// The smaller of two elements; NaN where either is NaN, as PyTorch's `minimum`. Shapes as in
    /// ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func minimum(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_MINIMUM, a, b, layer: "minimum")
    }

    /// The larger of two elements; NaN where either is NaN, as PyTorch's `maximum`. Shapes as in
    /// ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func maximum(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_MAXIMUM, a, b, layer: "maximum")
    }

    /// 1 where a = b, else 0; NaN equals nothing. Shapes as in ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func equal(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_EQUAL, a, b, layer: "equal")
    }

    /// 1 where a ≠ b, else 0; NaN differs from everything. Shapes as in ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func notEqual(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_NOT_EQUAL, a, b, layer: "notEqual")
    }

    /// 1 where a < b, else 0. Shapes as in ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func less(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_LESS, a, b, layer: "less")
    }

    /// 1 where a ≤ b, else 0. Shapes as in ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func lessEqual(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_LESS_EQUAL, a, b, layer: "lessEqual")
    }

    /// 1 where a > b, else 0. Shapes as in ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func greater(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_GREATER, a, b, layer: "greater")
    }

    /// 1 where a ≥ b, else 0. Shapes as in ``divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func greaterEqual(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try broadcast(PTN_BROADCAST_GREATER_EQUAL, a, b, layer: "greaterEqual")
    }

    /// a where the condition is not 0, else b, element by element; `torch.where`.
    ///
    /// The three broadcast together. NaN as a condition is not 0. Cost: one read per operand and one
    /// write.
    /// - Parameters:
    ///   - condition: such as a comparison's result.
    ///   - a: chosen where the condition holds.
    ///   - b: chosen elsewhere.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func `where`(
        _ condition: Tensor, _ a: Tensor, _ b: Tensor
    ) throws(ProteanError) -> Tensor {
        let chosen = try broadcastShape(a, b, layer: "where")
        guard let shape = Shape.broadcast(condition.shape, chosen) else {
            throw .shapeMismatch(
                layer: "where", tensor: "condition",
                expected: "a shape that broadcasts with \(chosen)", found: condition.shape)
        }
        try Shape.checkRank(shape, tensor: "condition", layer: "where")
        let steps = [condition, a, b].map { Shape.steps($0.shape, in: shape) }
        return try filling(shape, for: "where", from: [condition, a, b]) { runtime, inputs, y in
            ptn_where(
                runtime, shape.count, shape, steps[0], steps[1], steps[2], inputs[0], inputs[1],
                inputs[2], y)
        }
    }

    /// `x` repeated along axes of size 1 and along new leading axes, to `shape`; a copy.
    ///
    /// Arithmetic broadcasts without such a copy. Cost: one write of the result.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when `x` does not
    ///   broadcast to `shape`.
    public static func broadcast(_ x: Tensor, to shape: [Int]) throws(ProteanError) -> Tensor {
        guard Shape.broadcast(x.shape, shape) == shape else {
            throw .shapeMismatch(
                layer: "broadcast", tensor: "x", expected: "a shape that broadcasts to \(shape)",
                found: x.shape)
        }
        if x.shape == shape { return x }
        try Shape.checkRank(shape, layer: "broadcast")
        let steps = Shape.steps(x.shape, in: shape)
        return try filling(shape, for: "broadcast", from: [x]) { runtime, inputs, y in
            ptn_strided_copy(runtime, shape.count, shape, steps, inputs[0], y)
        }
    }

    static func broadcast(
        _ op: ptn_broadcast_op, _ a: Tensor, _ b: Tensor, _ activation: Activation = .identity,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let shape = try broadcastShape(a, b, layer: layer)
        // Equal shapes need no axes.
        let isFlat = a.shape == b.shape
        if !isFlat { try Shape.checkRank(shape, tensor: "b", layer: layer) }
        let sizes = isFlat ? [a.count] : shape
        let aSteps = isFlat ? [1] : Shape.steps(a.shape, in: shape)
        let bSteps = isFlat ? [1] : Shape.steps(b.shape, in: shape)
        var spec = activation.kernelSpec
        return try filling(shape, for: layer, from: [a, b]) { runtime, inputs, y in
            ptn_broadcast(
                runtime, op, sizes.count, sizes, aSteps, bSteps, inputs[0], inputs[1], &spec, y)
        }
    }

    private static func broadcastShape(
        _ a: Tensor, _ b: Tensor, layer: String
    ) throws(ProteanError) -> [Int] {
        guard let shape = Shape.broadcast(a.shape, b.shape) else {
            throw .shapeMismatch(
                layer: layer, tensor: "b",
                expected: "a shape that broadcasts with \(a.shape): equal sizes from the last axis "
                    + "on, or 1", found: b.shape)
        }
        return shape
    }
}
