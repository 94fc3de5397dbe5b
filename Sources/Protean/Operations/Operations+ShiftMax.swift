import CProteanKernels

extension Operations {
    /// Dynamic shift-max with given coefficients: y = max over k of (a_k · x + b_k · shifted(x)).
    ///
    /// Li et al., ICCV 2021 (arXiv 2108.05894). The channels are cut into `groups` groups of n;
    /// member m of group q is mixed with member (m + 1) mod n of group (q + 1) mod groups. Cost:
    /// one read and one write of the map.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - coefficients: `[batch, 2 · K, channels]` with K 1 or 2: the rows a_1 … a_K, then
    ///     b_1 … b_K.
    ///   - groups: a divisor of the channels.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError`` when shapes do not fit or `groups` does not divide the channels.
    public static func shiftMax(
        _ x: Tensor, coefficients: Tensor, groups: Int
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "shiftMax")
        let shape = coefficients.shape, channels = x.shape[3]
        guard groups >= 1, channels % groups == 0 else {
            throw .invalidOption(
                layer: "shiftMax", option: "groups",
                expected: "a divisor of the \(channels) channels", found: "\(groups)")
        }
        guard shape.count == 3, shape[0] == x.shape[0], shape[1] == 2 || shape[1] == 4,
            shape[2] == channels
        else {
            throw .shapeMismatch(
                layer: "shiftMax", tensor: "coefficients",
                expected: "[\(x.shape[0]), 2 or 4, \(channels)]", found: shape)
        }
        return try filling(x.shape, for: "shiftMax", from: [x, coefficients]) {
            runtime, inputs, y in
            ptn_shift_max(
                runtime, x.shape[0], x.shape[1] * x.shape[2], channels, groups, shape[1] / 2,
                inputs[0], inputs[1], y)
        }
    }
}
