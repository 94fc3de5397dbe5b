import CProteanKernels

extension Operations {
    /// The next state of a gated recurrent unit from its two products, in one pass:
    /// `r = sigmoid(x_r + h_r)`, `z = sigmoid(x_z + h_z)`, `n = tanh(x_n + r · h_n)`,
    /// `h' = n + z · (h - n)`.
    ///
    /// Cost: three exponentials per unit.
    /// - Parameters:
    ///   - inputGates: `[batch, 3 · units]`, r, z, n of the input's product with its bias.
    ///   - hiddenGates: `[batch, 3 · units]`, the same of the state's product with its bias.
    ///   - hidden: h, `[batch, units]`.
    ///   - layer: the caller's name, for errors.
    /// - Returns: h', `[batch, units]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func gruCell(
        inputGates: Tensor, hiddenGates: Tensor, hidden: Tensor, layer: String = "gruCell"
    ) throws(ProteanError) -> Tensor {
        guard hidden.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "hidden", expected: "[batch, units]", found: hidden.shape)
        }
        let (batch, units) = (hidden.shape[0], hidden.shape[1])
        let (three, overflow) = units.multipliedReportingOverflow(by: 3)
        guard !overflow else { throw .sizeOverflow(layer: layer, what: "the gates") }
        for (name, tensor) in [("inputGates", inputGates), ("hiddenGates", hiddenGates)]
        where tensor.shape != [batch, three] {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "[\(batch), \(three)]", found: tensor.shape)
        }
        return try filling(
            hidden.shape, for: layer, from: [inputGates, hiddenGates, hidden]
        ) { runtime, inputs, next in
            ptn_gru_cell(runtime, batch, units, inputs[0], inputs[1], inputs[2], next)
        }
    }
}
