import CProteanKernels

extension Operations {
    /// The mean of a map's pixels, weighted by a softmax of one score per pixel.
    ///
    /// `y[n, c] = Σ_p a[n, p] · x[n, p, c]`, a being the softmax over the pixels of
    /// `Σ_c weight[c] · x[n, p, c] + bias`. Cao, Xu, Lin, Wei, Hu, "GCNet", arXiv 1904.11492.
    ///
    /// Cost: one read of the map, two multiply-adds per element. With weights of 0 it is the mean.
    /// NaN in a sample, or an infinite largest score, makes all its channels NaN.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel.
    ///   - weight: any shape of one element per channel.
    ///   - bias: one number, or nil for 0.
    /// - Returns: `[batch, channels]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func contextPool(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let name = "contextPool"
        try checkMap(x, pixels: true, layer: name)
        guard weight.count == x.shape[3] else {
            throw .shapeMismatch(
                layer: name, tensor: "weight", expected: "\(x.shape[3]) elements",
                found: weight.shape)
        }
        if let bias, bias.count != 1 {
            throw .shapeMismatch(layer: name, tensor: "bias", expected: "[1]", found: bias.shape)
        }
        let shape = [x.shape[0], x.shape[3]]
        let inputs = [x, weight] + (bias.map { [$0] } ?? [])
        return try filling(shape, for: name, from: inputs) { runtime, inputs, y in
            ptn_context_pool(
                runtime, x.shape[0], x.shape[1] * x.shape[2], x.shape[3], inputs[1],
                bias == nil ? 0 : inputs[2][0], inputs[0], y)
        }
    }
}
