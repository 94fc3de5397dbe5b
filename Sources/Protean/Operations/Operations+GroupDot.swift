import CProteanKernels

extension Operations {
    /// The products of each pixel's channels with one vector per sample, summed over groups of
    /// channels: `y[n, i, j, g] = Σ_{c in g} x[n, i, j, c] · factors[n, c]`.
    ///
    /// Cost: one multiply-add per element, one read of the map.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - factors: `[batch, channels]`.
    ///   - groups: divides the channels; those of one group follow each other.
    /// - Returns: `[batch, height, width, groups]`.
    /// - Throws: ``ProteanError`` when a tensor or the groups do not fit.
    public static func groupDot(
        _ x: Tensor, _ factors: Tensor, groups: Int
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "groupDot")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        guard groups >= 1, c % groups == 0 else {
            throw .invalidOption(
                layer: "groupDot", option: "groups", expected: "a divisor of the \(c) channels",
                found: "\(groups)")
        }
        guard factors.shape == [n, c] else {
            throw .shapeMismatch(
                layer: "groupDot", tensor: "factors", expected: "\([n, c])", found: factors.shape)
        }
        return try filling([n, h, w, groups], for: "groupDot", from: [x, factors]) {
            runtime, inputs, y in
            ptn_group_dot(runtime, n, h * w, c, groups, inputs[0], inputs[1], y)
        }
    }
}
