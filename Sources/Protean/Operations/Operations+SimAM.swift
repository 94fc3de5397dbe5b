import CProteanKernels

extension Operations {
    /// SimAM's gates applied to a map: `y = x · sigmoid(d / (4 · (v + lambda)) + ½)`, where
    /// d = (x − mean)² and v = Σ d / (height · width − 1), both per sample and channel.
    ///
    /// Yang, Zhang, Li, Xie, ICML 2021. A map of one pixel has no variance: v is 0 there, and all gates
    /// are sigmoid(½), as on a constant map of any size. Cost: two reads and one write per element.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - lambda: added to the variance; finite and above 0.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError`` when `x` is not a map or `lambda` is not usable.
    public static func simAM(
        _ x: Tensor, lambda: Float = 1e-4
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "simAM")
        try checkSimAM(lambda: lambda, layer: "simAM")
        return try filling(x.shape, for: "simAM", from: [x]) { runtime, inputs, y in
            ptn_simam(
                runtime, x.shape[0], x.shape[1] * x.shape[2], x.shape[3], lambda, inputs[0], y)
        }
    }

    static func checkSimAM(lambda: Float, layer: String) throws(ProteanError) {
        guard lambda > 0, lambda.isFinite else {
            throw .invalidOption(
                layer: layer, option: "lambda", expected: "a finite number above 0",
                found: "\(lambda)")
        }
    }
}
