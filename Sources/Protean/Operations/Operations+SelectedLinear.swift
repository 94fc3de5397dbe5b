import CProteanKernels

extension Operations {
    /// A linear layer of which every row computes the units of its own list:
    /// `y[r, u] = bias[u] + Σ_c x[r, c] · weight[u, c]` for the units of row r, 0 elsewhere.
    ///
    /// The weights of other units are not read, and nothing is packed. A row's sums do not depend on its
    /// list, on other rows or on the number of threads; they are in another order than those of
    /// ``Linear``. Cost: listed units · inputs multiply-adds.
    /// - Parameters:
    ///   - x: `[rows, inputs]`.
    ///   - weight: `[units, inputs]`.
    ///   - bias: `[units]`, or nil.
    ///   - lists: the units of every row.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[rows, units]`.
    /// - Throws: ``ProteanError`` when a tensor or the lists do not fit.
    public static func selectedLinear(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, units lists: UnitLists,
        layer: String = "selectedLinear"
    ) throws(ProteanError) -> Tensor {
        guard weight.rank == 2, weight.shape[0] == lists.width else {
            throw .shapeMismatch(
                layer: layer, tensor: "weight", expected: "[\(lists.width), inputs]",
                found: weight.shape)
        }
        for (name, tensor, expected) in [("x", x, [lists.rows, weight.shape[1]])]
            + (bias.map { [("bias", $0, [lists.width])] } ?? [])
        where tensor.shape != expected {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(expected)", found: tensor.shape)
        }
        let shape = [lists.rows, lists.width]
        return try filling(shape, for: layer, from: [x, weight] + (bias.map { [$0] } ?? [])) {
            runtime, inputs, y in
            y.update(repeating: 0, count: shape[0] * shape[1])
            return ptn_selected_linear(
                runtime, shape[0], weight.shape[1], shape[1], inputs[0], inputs[1],
                inputs.count > 2 ? inputs[2] : nil, lists.offsets, lists.units, y)
        }
    }
}
