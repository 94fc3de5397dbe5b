import CProteanKernels

extension Operations {
    /// Tensors of one shape side by side along a new axis; `torch.stack`.
    ///
    /// Cost: one read and one write per element.
    /// - Parameters:
    ///   - tensors: at least one.
    ///   - axis: the position of the new axis in the result, 0 ... rank; negative ones count from
    ///     behind the innermost, -1.
    /// - Throws: ``ProteanError`` when shapes differ, there is no tensor or no such position.
    public static func stack(_ tensors: [Tensor], axis: Int = 0) throws(ProteanError) -> Tensor {
        guard let first = tensors.first else {
            throw .invalidOption(
                layer: "stack", option: "tensors", expected: "at least 1", found: "0")
        }
        var expanded: [Tensor] = []
        for (i, tensor) in tensors.enumerated() {
            guard tensor.shape == first.shape else {
                throw .shapeMismatch(
                    layer: "stack", tensor: "tensors[\(i)]", expected: "\(first.shape)",
                    found: tensor.shape)
            }
            expanded.append(try expandDimensions(tensor, axis: axis, layer: "stack"))
        }
        return try concatenate(expanded, axis: axis)
    }

    /// The last two axes exchanged, or the given ones; `torch.transpose`.
    ///
    /// Cost: one read and one write per element.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis.
    public static func transpose(
        _ x: Tensor, _ first: Int = -2, _ second: Int = -1
    ) throws(ProteanError) -> Tensor {
        let a = try Shape.axis(first, of: x.shape, layer: "transpose")
        let b = try Shape.axis(second, of: x.shape, layer: "transpose")
        if a == b { return x }
        var axes = Array(x.shape.indices)
        axes.swapAt(a, b)
        return try permute(x, axes)
    }

    /// The tensor without some axes of size 1, or without all of them; `torch.squeeze`. Costs nothing.
    ///
    /// - Throws: ``ProteanError`` for axes that do not exist, occur twice or have a size other than
    ///   1 (PyTorch leaves such axes unchanged).
    public static func squeeze(_ x: Tensor, axes: [Int]? = nil) throws(ProteanError) -> Tensor {
        guard let axes else { return try x.reshaped(to: x.shape.filter { $0 != 1 }) }
        let dropped = try Shape.axes(axes, of: x.shape, layer: "squeeze")
        guard dropped.allSatisfy({ x.shape[$0] == 1 }) else {
            throw .shapeMismatch(
                layer: "squeeze", tensor: "x", expected: "size 1 along the axes \(axes)",
                found: x.shape)
        }
        return try x.reshaped(
            to: x.shape.indices.filter { !dropped.contains($0) }.map { x.shape[$0] })
    }

    /// The tensor with a new axis of size 1; `torch.unsqueeze`. Costs nothing.
    ///
    /// - Parameters:
    ///   - x: Any shape.
    ///   - axis: the position of the new axis in the result, 0 ... rank; negative ones count from
    ///     behind the innermost, -1.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such position.
    public static func expandDimensions(
        _ x: Tensor, axis: Int
    ) throws(ProteanError) -> Tensor {
        try expandDimensions(x, axis: axis, layer: "expandDimensions")
    }

    private static func expandDimensions(
        _ x: Tensor, axis: Int, layer: String
    ) throws(ProteanError) -> Tensor {
        let place = axis < 0 ? axis + x.rank + 1 : axis
        guard (0...x.rank).contains(place) else {
            throw .invalidOption(
                layer: layer, option: "axis", expected: "a place among the axes of \(x.shape)",
                found: "\(axis)")
        }
        var shape = x.shape
        shape.insert(1, at: place)
        return try x.reshaped(to: shape)
    }

    /// ``softmax(_:)`` along any axis; others than the innermost cost two transpositions.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis.
    public static func softmax(_ x: Tensor, axis: Int) throws(ProteanError) -> Tensor {
        let axis = try Shape.axis(axis, of: x.shape, layer: "softmax")
        if axis == x.rank - 1 { return try softmax(x) }
        return try transpose(softmax(transpose(x, axis, -1)), axis, -1)
    }

    /// ``logSoftmax(_:)`` along any axis; others than the innermost cost two transpositions.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis.
    public static func logSoftmax(_ x: Tensor, axis: Int) throws(ProteanError) -> Tensor {
        let axis = try Shape.axis(axis, of: x.shape, layer: "logSoftmax")
        if axis == x.rank - 1 { return try logSoftmax(x) }
        return try transpose(logSoftmax(transpose(x, axis, -1)), axis, -1)
    }
}
