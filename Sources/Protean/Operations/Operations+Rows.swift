import CProteanKernels

extension Operations {
    /// Some rows of a batch, one after the other: a compact batch of `rows.count` rows.
    ///
    /// Cost: one read and one write per element of the result; nothing for a complete plan, whose result
    /// is `x` itself.
    /// - Throws: ``ProteanError`` when `x` is a scalar or the plan is of another batch.
    public static func gatherRows(
        _ x: Tensor, _ rows: RowPlan, layer: String = "gatherRows"
    ) throws(ProteanError) -> Tensor {
        let inner = try rowSize(x, rows, layer)
        if rows.isComplete { return x }
        return try filling([rows.count] + x.shape.dropFirst(), for: layer, from: [x]) {
            runtime, inputs, y in
            ptn_index_select(
                runtime, 1, rows.batch, inner, rows.count, rows.rows, inputs[0], y)
        }
    }

    /// Writes the rows of a compact batch to their places in the full one: `target[rows[i]] = y[i]`.
    /// Other rows are not touched.
    ///
    /// Cost: one read and one write per element of `y`; a copy of `target` first if it is shared.
    /// - Throws: ``ProteanError`` when shapes or plan do not fit, or values are missing.
    public static func scatterRows(
        _ y: Tensor, _ rows: RowPlan, into target: inout Tensor, layer: String = "scatterRows"
    ) throws(ProteanError) {
        let inner = try rowSize(target, rows, layer)
        try checkCompact(y, rows, target, layer)
        guard let source = y.storage else { throw .noValues(layer: layer) }
        var runtime = try Runtime.current()
        let base = try target.uniqueBase()
        let status = withExtendedLifetime(source) {
            ptn_scatter_rows(
                &runtime, rows.batch, inner, rows.count, rows.rows, source.base, base)
        }
        try status.check(layer)
    }

    /// Adds the rows of a compact batch, each times its weight, to their places in the full one:
    /// `target[rows[i]] += weights[i] · y[i]`.
    ///
    /// Cost: two reads and one write per element of `y`; a copy of `target` first if it is shared.
    /// - Parameters:
    ///   - y: the compact batch, `[rows.count, …]`.
    ///   - rows: the places of its rows.
    ///   - weights: one per row, or nil for 1.
    ///   - target: the full batch.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when shapes, weights or plan do not fit, or values are missing.
    public static func addRows(
        _ y: Tensor, _ rows: RowPlan, weights: [Float]? = nil, to target: inout Tensor,
        layer: String = "addRows"
    ) throws(ProteanError) {
        let inner = try rowSize(target, rows, layer)
        try checkCompact(y, rows, target, layer)
        if let weights, weights.count != rows.count {
            throw .invalidOption(
                layer: layer, option: "weights", expected: "\(rows.count)",
                found: "\(weights.count)")
        }
        guard let source = y.storage else { throw .noValues(layer: layer) }
        var runtime = try Runtime.current()
        let base = try target.uniqueBase()
        let status = withExtendedLifetime(source) {
            ptn_add_rows(
                &runtime, rows.batch, inner, rows.count, rows.rows, weights, source.base, base)
        }
        try status.check(layer)
    }

    /// Elements of one row; throws when there is no first axis or the plan is of another batch.
    private static func rowSize(
        _ x: Tensor, _ rows: RowPlan, _ layer: String
    ) throws(ProteanError) -> Int {
        guard let batch = x.shape.first else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "at least one axis", found: x.shape)
        }
        try rows.check(batch: batch, layer: layer)
        return x.shape.dropFirst().reduce(1, *)
    }

    private static func checkCompact(
        _ y: Tensor, _ rows: RowPlan, _ target: Tensor, _ layer: String
    ) throws(ProteanError) {
        let expected = [rows.count] + target.shape.dropFirst()
        guard y.shape == expected else {
            throw .shapeMismatch(
                layer: layer, tensor: "y", expected: "\(expected)", found: y.shape)
        }
    }
}
