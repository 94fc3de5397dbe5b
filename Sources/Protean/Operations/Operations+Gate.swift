extension Operations {
    /// activation(x · gates + residual): the last step of attention.
    ///
    /// One number per sample and channel, per pixel, or per element; one pass over a map, also with a
    /// residual.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, or any shape if `gates` has the same shape.
    ///   - gates: `[batch, channels]` or `[batch, 1, 1, channels]` (per channel),
    ///     `[batch, height, width, 1]` (per pixel) or `x`'s shape (per element).
    ///   - residual: shaped like `x`, or nil.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: a tensor of `x`'s shape.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` naming `gate` or `residual`.
    public static func gate(
        _ x: Tensor, by gates: Tensor, residual: Tensor? = nil,
        activation: Activation = .identity, layer: String = "gate"
    ) throws(ProteanError) -> Tensor {
        if let residual, residual.shape != x.shape {
            throw .shapeMismatch(
                layer: layer, tensor: "residual", expected: "\(x.shape)", found: residual.shape)
        }
        if x.rank == 4 {
            let (n, c) = (x.shape[0], x.shape[3])
            if gates.shape == [n, c] || gates.shape == [n, 1, 1, c] {
                return try scaleChannels(x, by: gates, residual: residual, activation: activation)
            }
        }
        guard gates.shape == x.shape || x.rank == 4 && gates.shape == x.shape.dropLast() + [1]
        else {
            let maps =
                x.rank == 4 ? "[\(x.shape[0]), \(x.shape[3])], \(x.shape.dropLast() + [1])" : ""
            throw .shapeMismatch(
                layer: layer, tensor: "gate",
                expected: maps.isEmpty ? "\(x.shape)" : "\(maps) or \(x.shape)",
                found: gates.shape)
        }
        guard let residual else { return try multiply(x, gates, activation: activation) }
        if x.rank == 4, x.shape[3] > 0 {
            if gates.shape == x.shape {
                return try gateGroups(
                    x, by: gates, residual: residual, activation: activation, layer: layer)
            }
            return try gate(
                x, by: AxisGates(pixels: gates), residual: residual, activation: activation,
                layer: layer)
        }
        return try add(try multiply(x, gates), residual, activation: activation)
    }
}
