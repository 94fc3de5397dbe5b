extension Conv2dEpilogue {
    /// Whether the epilogue does nothing.
    public var isEmpty: Bool { activation == .identity && residual == nil && gate == nil }

    /// activation(gate · y + residual) as separate operations, for parts that a kernel cannot do in
    /// its own pass.
    ///
    /// - Parameters:
    ///   - y: `[batch, height, width, channels]`; any shape where there is no gate.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` naming `gate` or `residual`.
    public func applied(to y: Tensor, layer: String) throws(ProteanError) -> Tensor {
        if let residual, residual.shape != y.shape {
            throw .shapeMismatch(
                layer: layer, tensor: "residual", expected: "\(y.shape)", found: residual.shape)
        }
        var y = y
        if let gate { y = try Operations.gate(y, by: gate, layer: layer) }
        guard let residual else { return try Operations.activate(y, activation) }
        if residualAfterActivation {
            return try Operations.add(try Operations.activate(y, activation), residual)
        }
        return try Operations.add(y, residual, activation: activation)
    }
}
