import CProteanKernels

extension Operations {
    /// activation((x − mean) / √(variance + epsilon) · weight + bias), mean and variance over the
    /// last axis of each row.
    ///
    /// Ba, Kiros, Hinton, arXiv 1607.06450. The variance is the mean of squared deviations, divided
    /// by the number of channels. Cost: three passes over a row that stays in cache.
    /// - Parameters:
    ///   - x: any shape of at least one axis.
    ///   - weight: `[channels]`.
    ///   - bias: `[channels]`.
    ///   - epsilon: added to the variance.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when shapes do not fit or memory is short.
    public static func layerNorm(
        _ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float = 1e-5,
        activation: Activation = .identity, layer: String = "layerNorm"
    ) throws(ProteanError) -> Tensor {
        guard let channels = x.shape.last else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "[…, channels]", found: x.shape)
        }
        for (name, tensor) in [("weight", weight), ("bias", bias)]
        where tensor.shape != [channels] {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "[\(channels)]", found: tensor.shape)
        }
        var spec = activation.kernelSpec
        return try filling(x.shape, for: layer, from: [x, weight, bias]) { runtime, inputs, y in
            ptn_layer_norm(
                runtime, channels == 0 ? 0 : x.count / channels, channels, epsilon, inputs[1],
                inputs[2], &spec, inputs[0], y)
        }
    }
}
