import CProteanKernels

extension Operations {
    /// Applies an activation to every element.
    ///
    /// One pass over memory: one read and one write per element. NaN stays NaN.
    /// - Parameters:
    ///   - x: Any shape.
    ///   - activation: The function; see ``Activation`` for the formulas.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError`` when memory is short.
    public static func activate(
        _ x: Tensor, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        if activation == .identity { return x }
        var spec = activation.kernelSpec
        return try filling(x.shape, for: "activate", from: [x]) { runtime, inputs, y in
            ptn_activate(runtime, &spec, 1, x.count, inputs[0], y)
        }
    }

    /// PReLU: x for x > 0, else slope · x, with one slope per channel (the last axis) or one for
    /// all.
    ///
    /// He, Zhang, Ren, Sun, ICCV 2015 (arXiv 1502.01852).
    /// - Parameters:
    ///   - x: Any shape of at least one axis; NHWC for a feature map.
    ///   - slopes: `[channels]` or `[1]`.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func prelu(_ x: Tensor, slopes: Tensor) throws(ProteanError) -> Tensor {
        let channels = x.shape.last ?? 1
        guard slopes.rank == 1, slopes.count == channels || slopes.count == 1 else {
            throw .shapeMismatch(
                layer: "prelu", tensor: "slopes", expected: "[\(channels)] or [1]",
                found: slopes.shape)
        }
        return try filling(x.shape, for: "prelu", from: [x, slopes]) { runtime, inputs, y in
            var spec = ptn_activation_spec()
            if slopes.count == 1 {
                spec.kind = PTN_ACT_LEAKY_RELU
                spec.first = inputs[1][0]
                return ptn_activate(runtime, &spec, 1, x.count, inputs[0], y)
            }
            spec.kind = PTN_ACT_PRELU
            spec.slopes = inputs[1]
            return ptn_activate(
                runtime, &spec, channels == 0 ? 0 : x.count / channels, channels, inputs[0], y)
        }
    }
}
