extension Conv2dEpilogue {
    /// Whether the epilogue does nothing.
    public var isEmpty: Bool { parts.isEmpty }

    /// activation(gate · y + residual) · factor as separate operations, for parts that a kernel cannot do in
    /// its own pass.
    ///
    /// - Parameters:
    ///   - y: `[batch, height, width, channels]`; any shape where there is no gate.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` naming `gate`, `residual` or
    ///   `factor`.
    public func applied(to y: Tensor, layer: String) throws(ProteanError) -> Tensor {
        for (name, tensor) in [("residual", residual), ("factor", factor)] {
            guard let tensor, tensor.shape != y.shape else { continue }
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(y.shape)", found: tensor.shape)
        }
        var y = y
        if let gate { y = try Operations.gate(y, by: gate, layer: layer) }
        if let residual, !residualAfterActivation {
            y = try Operations.add(y, residual, activation: activation)
        } else {
            y = try Operations.activate(y, activation)
        }
        if let factor { y = try Operations.multiply(y, factor) }
        guard let residual, residualAfterActivation else { return y }
        return try Operations.add(y, residual)
    }
}
