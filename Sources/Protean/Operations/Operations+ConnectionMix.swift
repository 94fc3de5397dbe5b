import CProteanKernels

extension Operations {
    /// max(0, (shares₀ · a + shares₁ · b + shares₂ · means) · scale + shift); see
    /// ``AdaptivelyConnectedConv2d``.
    ///
    /// - Parameters:
    ///   - a: `[batch, height, width, channels]`.
    ///   - b: shaped like `a`.
    ///   - means: `[batch, channels]`.
    ///   - shares: `[height, width, 3]`.
    ///   - scale: `[channels]`.
    ///   - shift: `[channels]`.
    static func connectionMix(
        _ a: Tensor, _ b: Tensor, _ means: Tensor, shares: Tensor, scale: Tensor, shift: Tensor,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let (n, h, w, c) = (a.shape[0], a.shape[1], a.shape[2], a.shape[3])
        for (name, tensor, expected) in [
            ("b", b, a.shape), ("means", means, [n, c]), ("shares", shares, [h, w, 3]),
            ("scale", scale, [c]), ("shift", shift, [c]),
        ] where tensor.shape != expected {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(expected)", found: tensor.shape)
        }
        return try filling(a.shape, for: layer, from: [shares, a, b, means, scale, shift]) {
            runtime, inputs, y in
            ptn_connection_mix(
                runtime, n, h * w, c, inputs[0], inputs[1], inputs[2], inputs[3], inputs[4],
                inputs[5], y)
        }
    }
}
