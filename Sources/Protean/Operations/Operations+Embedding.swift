import CProteanKernels

extension Operations {
    /// Rows of a table: `y[…, :] = table[indices[…], :]`; `torch.nn.functional.embedding`.
    ///
    /// Cost: one read and one write per element of the result.
    /// - Parameters:
    ///   - indices: any shape; whole numbers in 0 ..< rows. Float32 represents every whole number
    ///     up to 2²⁴.
    ///   - table: `[rows, depth]`.
    /// - Returns: `[…, depth]`.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the first
    ///   index that is not a whole number in range;
    ///   ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the table does not have
    ///   two axes.
    public static func embedding(
        _ indices: Tensor, table: Tensor
    ) throws(ProteanError) -> Tensor {
        try embedding(indices, table: table, layer: "embedding")
    }

    static func embedding(
        _ indices: Tensor, table: Tensor, layer: String
    ) throws(ProteanError) -> Tensor {
        guard table.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "table", expected: "[rows, depth]", found: table.shape)
        }
        let (rows, depth) = (table.shape[0], table.shape[1])
        if !indices.isShapeOnly { try checkIndices(indices, rows: rows, layer: layer) }
        return try filling(indices.shape + [depth], for: layer, from: [indices, table]) {
            runtime, inputs, y in
            ptn_embedding(runtime, indices.count, inputs[0], rows, depth, inputs[1], y)
        }
    }

    private static func checkIndices(
        _ indices: Tensor, rows: Int, layer: String
    ) throws(ProteanError) {
        try indices.withUnsafeBufferPointer { values throws(ProteanError) in
            guard let base = values.baseAddress else { return }
            let first = ptn_embedding_first_invalid(values.count, base, rows)
            guard first == values.count else {
                throw .invalidOption(
                    layer: layer, option: "indices[\(first)]",
                    expected: "a whole number in 0..<\(rows)", found: "\(values[first])")
            }
        }
    }
}
