import CProteanKernels

extension Operations {
    /// activation((x − mean) / √(variance + eps) · weight + bias), mean and variance over a group's
    /// channels and all pixels of a sample.
    ///
    /// Wu, He, "Group Normalization", arXiv 1803.08494. Channel c belongs to group ⌊c / (channels /
    /// groups)⌋; the variance is the mean of squared deviations. With one group per channel this is
    /// instance normalisation (Ulyanov, Vedaldi, Lempitsky, arXiv 1607.08022). Means that are large
    /// compared with the deviations do not reduce the accuracy. Cost: two reads and one write of
    /// the map.
    /// - Parameters:
    ///   - x: `[batch, …, channels]`, at least two axes.
    ///   - groups: a divisor of the channels.
    ///   - weight: `[channels]`, or nil for ones.
    ///   - bias: `[channels]`, or nil for zeros.
    ///   - eps: added to the variance; at least 0.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: shaped like `x`.
    /// - Throws: ``ProteanError`` when shapes or options do not fit or memory is short.
    public static func groupNorm(
        _ x: Tensor, groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5,
        activation: Activation = .identity, layer: String = "groupNorm"
    ) throws(ProteanError) -> Tensor {
        try groupNorm(
            x, groups: groups, weight: weight, bias: bias, isPerSample: false, eps: eps,
            activation: activation, layer: layer)
    }

    /// Instance normalisation with a weight and a bias per sample: activation((x − mean) /
    /// √(variance + eps) · weight + bias), mean and variance over the pixels of one channel of one
    /// sample.
    ///
    /// Huang, Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance
    /// Normalization", arXiv 1703.06868. Accuracy and cost are those of
    /// ``groupNorm(_:groups:weight:bias:eps:activation:layer:)``.
    /// - Parameters:
    ///   - x: `[batch, …, channels]`, at least two axes.
    ///   - weight: `[batch, channels]`.
    ///   - bias: `[batch, channels]`.
    ///   - eps: added to the variance; at least 0.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Returns: shaped like `x`.
    /// - Throws: ``ProteanError`` when shapes or options do not fit or memory is short.
    public static func adaptiveInstanceNorm(
        _ x: Tensor, weight: Tensor, bias: Tensor, eps: Double = 1e-5,
        activation: Activation = .identity, layer: String = "adaptiveInstanceNorm"
    ) throws(ProteanError) -> Tensor {
        try groupNorm(
            x, groups: x.shape.last ?? 1, weight: weight, bias: bias, isPerSample: true, eps: eps,
            activation: activation, layer: layer)
    }

    private static func groupNorm(
        _ x: Tensor, groups: Int, weight: Tensor?, bias: Tensor?, isPerSample: Bool, eps: Double,
        activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        guard x.rank >= 2, let channels = x.shape.last, channels > 0 else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "[batch, …, channels]", found: x.shape)
        }
        guard groups >= 1, channels % groups == 0 else {
            throw .invalidOption(
                layer: layer, option: "groups", expected: "a divisor of the \(channels) channels",
                found: "\(groups)")
        }
        try checkEpsilon(eps, layer: layer)
        let rows = isPerSample ? [x.shape[0], channels] : [channels]
        try check(weight, "weight", shape: rows, layer: layer)
        try check(bias, "bias", shape: rows, layer: layer)
        let pixels = x.shape[1..<x.rank - 1].reduce(1, *)
        let inputs = [x] + [weight, bias].compactMap { $0 }
        var spec = activation.kernelSpec
        return try filling(x.shape, for: layer, from: inputs) { runtime, bases, y in
            ptn_group_norm(
                runtime, x.shape[0], pixels, channels, groups, eps, weight == nil ? nil : bases[1],
                bias == nil ? nil : bases[bases.count - 1], isPerSample, &spec, bases[0], y)
        }
    }

    /// Throws if a tensor of one value per channel has a different length.
    static func check(
        _ row: Tensor?, _ name: String, channels: Int, layer: String
    ) throws(ProteanError) {
        try check(row, name, shape: [channels], layer: layer)
    }

    /// Throws if a tensor has another shape.
    private static func check(
        _ row: Tensor?, _ name: String, shape: [Int], layer: String
    ) throws(ProteanError) {
        guard let row, row.shape != shape else { return }
        throw .shapeMismatch(
            layer: layer, tensor: name, expected: "\(shape)", found: row.shape)
    }
}

/// Throws if `eps` cannot be added to a variance.
func checkEpsilon(_ eps: Double, layer: String) throws(ProteanError) {
    guard eps >= 0, eps.isFinite else {
        throw .invalidOption(
            layer: layer, option: "eps", expected: "a finite number of at least 0",
            found: "\(eps)")
    }
}
