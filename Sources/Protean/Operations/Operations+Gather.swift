import CProteanKernels

extension Operations {
    /// Entries of an axis by a list of their indices; `torch.index_select`.
    ///
    /// The result has `indices.count` entries along the axis. An index may occur several times.
    /// Cost: one read and one write per element of the result.
    /// - Parameters:
    ///   - x: At least one axis.
    ///   - axis: negative ones count from the innermost.
    ///   - indices: each in 0 ..< the axis's size.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis or
    ///   entry.
    public static func indexSelect(
        _ x: Tensor, axis: Int, indices: [Int]
    ) throws(ProteanError) -> Tensor {
        let layer = "indexSelect"
        let axis = try Shape.axis(axis, of: x.shape, layer: layer)
        let size = x.shape[axis]
        if let wrong = indices.firstIndex(where: { !(0..<size).contains($0) }) {
            throw .invalidOption(
                layer: layer, option: "indices[\(wrong)]", expected: "an entry in 0..<\(size)",
                found: "\(indices[wrong])")
        }
        var shape = x.shape
        shape[axis] = indices.count
        let outer = x.shape[..<axis].reduce(1, *), inner = x.shape[(axis + 1)...].reduce(1, *)
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_index_select(
                runtime, outer, size, inner, indices.count, indices, inputs[0], y)
        }
    }

    /// For every position of `indices` the element of `x` at that position, with the coordinate
    /// along `axis` replaced by the index: `y[i, j, k] = x[i, indices[i, j, k], k]` for axis 1;
    /// `torch.gather`.
    ///
    /// Indices are a tensor of whole numbers, as ``argMax(_:axis:keepDimensions:)`` gives them;
    /// they are checked, and on an axis longer than 2²⁴ not all entries can be addressed, since
    /// larger floats do not represent every whole number. Cost: some 2 ns per element.
    /// - Parameters:
    ///   - x: 1 to 8 axes.
    ///   - axis: negative ones count from the innermost.
    ///   - indices: as many axes as `x`, not larger than `x` except along `axis`; the result has
    ///     this shape. Without values, they are not checked.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``, and
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis or an index
    ///   that is not a whole number of the axis.
    public static func gather(
        _ x: Tensor, axis: Int, indices: Tensor
    ) throws(ProteanError) -> Tensor {
        let layer = "gather"
        try Shape.checkRank(x.shape, layer: layer)
        let axis = try Shape.axis(axis, of: x.shape, layer: layer)
        let shape = indices.shape
        guard shape.count == x.rank,
            shape.indices.allSatisfy({ $0 == axis || shape[$0] <= x.shape[$0] })
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "indices",
                expected: "\(x.rank) axes, at most \(x.shape) but for axis \(axis)", found: shape)
        }
        var wrong = indices.count
        let y = try filling(shape, for: layer, from: [x, indices]) { runtime, inputs, y in
            ptn_gather(runtime, x.rank, shape, x.shape, axis, inputs[1], inputs[0], y, &wrong)
        }
        guard y.isShapeOnly || wrong == indices.count else {
            let found = try indices.withUnsafeBufferPointer { $0[wrong] }
            throw .invalidOption(
                layer: layer, option: "indices[\(wrong)]",
                expected: "a whole number in 0..<\(x.shape[axis])", found: "\(found)")
        }
        return y
    }
}
