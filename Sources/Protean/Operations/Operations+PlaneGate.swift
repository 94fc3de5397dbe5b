import CProteanKernels

extension Operations {
    /// One number per pixel from a few planes: a convolution with one output, in the size of the
    /// planes, and an activation. The step between statistics and gates of spatial attention.
    ///
    /// `y[n, i, j] = activation(shift + Σ_{p,u,v} weight[p, u, v] · planes[n, p, i + u − ⌊kh / 2⌋,
    /// j + v − ⌊kw / 2⌋])` with zeros beyond the edges. Cost: planes · kh · kw multiply-adds per
    /// pixel.
    /// - Parameters:
    ///   - planes: `[batch, planes, height, width]`, such as of ``pixelStatistics(_:gates:)``.
    ///   - weight: `[planes, kh, kw]`, both odd.
    ///   - shift: added to each sum.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height, width, 1]`.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public static func planeGate(
        _ planes: Tensor, weight: Tensor, shift: Float = 0, activation: Activation = .sigmoid,
        layer: String = "planeGate"
    ) throws(ProteanError) -> Tensor {
        guard planes.rank == 4, planes.shape[1] > 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "planes", expected: "[batch, planes, height, width]",
                found: planes.shape)
        }
        let (n, count, h, w) = (
            planes.shape[0], planes.shape[1], planes.shape[2], planes.shape[3]
        )
        guard weight.rank == 3, weight.shape[0] == count, weight.shape[1] % 2 == 1,
            weight.shape[2] % 2 == 1
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "weight", expected: "[\(count), odd height, odd width]",
                found: weight.shape)
        }
        var spec = activation.kernelSpec
        return try filling([n, h, w, 1], for: layer, from: [planes, weight]) { runtime, inputs, y in
            ptn_plane_gate(
                runtime, n, count, h, w, weight.shape[1], weight.shape[2], inputs[0], inputs[1],
                shift, &spec, y)
        }
    }
}
