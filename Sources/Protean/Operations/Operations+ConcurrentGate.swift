import CProteanKernels

extension Operations {
    /// A map scaled by gates per channel and per pixel at once.
    ///
    /// `y[n, h, w, c] = activation(x · (channel[n, c] + s))`, or with the larger of both gates, where
    /// `s = sigmoid(Σ_c weight[c] · x[n, h, w, c] + bias)`. Roy, Navab, Wachinger, arXiv 1803.02579.
    /// Cost: one read and one write of the map, two multiply-adds per element.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - channel: gates per channel, `[batch, channels]`.
    ///   - weight: of the gates per pixel; any shape of one element per channel.
    ///   - bias: of the gates per pixel; one number, or nil for 0.
    ///   - takesLarger: whether the larger gate is taken instead of the sum.
    ///   - gatesOnly: returns the factors of x, in its shape.
    ///   - activation: applied last.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func concurrentGate(
        _ x: Tensor, channel: Tensor, weight: Tensor, bias: Tensor? = nil,
        takesLarger: Bool = false,
        gatesOnly: Bool = false, activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let name = "concurrentGate"
        try checkMap(x, layer: name)
        let (n, c) = (x.shape[0], x.shape[3])
        guard channel.shape == [n, c] else {
            throw .shapeMismatch(
                layer: name, tensor: "channel", expected: "[\(n), \(c)]", found: channel.shape)
        }
        guard weight.count == c else {
            throw .shapeMismatch(
                layer: name, tensor: "weight", expected: "\(c) elements", found: weight.shape)
        }
        if let bias, bias.count != 1 {
            throw .shapeMismatch(layer: name, tensor: "bias", expected: "[1]", found: bias.shape)
        }
        var spec = activation.kernelSpec
        let inputs = [x, channel, weight] + (bias.map { [$0] } ?? [])
        return try filling(x.shape, for: name, from: inputs) { runtime, bases, y in
            ptn_concurrent_gate(
                runtime, n, x.shape[1] * x.shape[2], c, bases[1], bases[2],
                bias == nil ? 0 : bases[3][0],
                takesLarger, gatesOnly, &spec, bases[0], y)
        }
    }
}
