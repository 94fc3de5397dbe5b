import CProteanKernels

extension Operations {
    /// activation(x / √(mean(x²) + eps) · weight), the mean over the last axis of each row.
    ///
    /// Zhang, Sennrich, "Root Mean Square Layer Normalization", arXiv 1910.07467. Cost: two passes over
    /// a row that stays in cache.
    /// - Parameters:
    ///   - x: any shape of at least one axis.
    ///   - weight: `[channels]`, or nil for ones.
    ///   - eps: added to the mean square; by default the distance from 1 to the next `Float`, as in
    ///     PyTorch.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: shaped like `x`.
    /// - Throws: ``ProteanError`` when shapes or options do not fit or memory is short.
    public static func rmsNorm(
        _ x: Tensor, weight: Tensor? = nil, eps: Double = Double(Float.ulpOfOne),
        activation: Activation = .identity, layer: String = "rmsNorm"
    ) throws(ProteanError) -> Tensor {
        guard let channels = x.shape.last else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "[…, channels]", found: x.shape)
        }
        try checkEpsilon(eps, layer: layer)
        try check(weight, "weight", channels: channels, layer: layer)
        let inputs = [x] + (weight.map { [$0] } ?? [])
        var spec = activation.kernelSpec
        return try filling(x.shape, for: layer, from: inputs) { runtime, bases, y in
            ptn_rms_norm(
                runtime, channels == 0 ? 0 : x.count / channels, channels, eps,
                weight == nil ? nil : bases[1], &spec, bases[0], y)
        }
    }
}
