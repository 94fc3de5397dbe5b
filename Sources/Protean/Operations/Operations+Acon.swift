import CProteanKernels

extension Operations {
    /// ACON: y = q · sigmoid(beta · q) + p2 · x with q = (p1 − p2) · x, a smooth maximum of p1 · x
    /// and p2 · x.
    ///
    /// Ma, Zhang, Liu, Sun, CVPR 2021 (arXiv 2009.04759). Cost: one read and one write of the map.
    /// - Parameters:
    ///   - x: `[batch, …, channels]`.
    ///   - p1: `[channels]`.
    ///   - p2: `[channels]`.
    ///   - beta: `[channels]`, or `[batch, channels]` for a switch per sample.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func acon(
        _ x: Tensor, p1: Tensor, p2: Tensor, beta: Tensor
    ) throws(ProteanError) -> Tensor {
        guard x.rank >= 2, let channels = x.shape.last else {
            throw .shapeMismatch(
                layer: "acon", tensor: "x", expected: "[batch, …, channels]", found: x.shape)
        }
        try check(p1, "p1", channels: channels, layer: "acon")
        try check(p2, "p2", channels: channels, layer: "acon")
        let isPerSample = beta.rank == 2
        guard beta.shape == (isPerSample ? [x.shape[0], channels] : [channels]) else {
            throw .shapeMismatch(
                layer: "acon", tensor: "beta",
                expected: "[\(channels)] or [\(x.shape[0]), \(channels)]", found: beta.shape)
        }
        let pixels = x.shape[1..<x.rank - 1].reduce(1, *)
        return try filling(x.shape, for: "acon", from: [x, p1, p2, beta]) { runtime, inputs, y in
            ptn_acon(
                runtime, x.shape[0], pixels, channels, inputs[0], inputs[1], inputs[2], inputs[3],
                isPerSample, y)
        }
    }
}
