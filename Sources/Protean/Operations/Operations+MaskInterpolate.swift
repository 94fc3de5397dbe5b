import CProteanKernels

extension Operations {
    /// `map` with the active pixels of `targets` replaced by weighted means of the pixels around them that
    /// are active in `sources`, Σ w · map / (Σ w + epsilon), as a new map.
    ///
    /// - Parameters:
    ///   - map: `[batch, height, width, channels]`.
    ///   - targets: the pixels to replace; none of them may be active in `sources`.
    ///   - sources: the pixels that are averaged.
    ///   - weights: `[kernel, kernel]`, odd.
    ///   - epsilon: added to the sum of weights, finite.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public static func interpolated(
        _ map: Tensor, at targets: MaskPlan, from sources: MaskPlan, weights: Tensor,
        epsilon: Float, layer: String = "interpolated"
    ) throws(ProteanError) -> Tensor {
        for plan in [targets, sources] {
            let pixels = [plan.batch, plan.size.height, plan.size.width]
            guard map.rank == 4, Array(map.shape.prefix(3)) == pixels else {
                throw .shapeMismatch(
                    layer: layer, tensor: "map", expected: "\(pixels) and channels",
                    found: map.shape)
            }
        }
        guard weights.rank == 2, weights.shape[0] == weights.shape[1], weights.shape[0] % 2 == 1
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "weights", expected: "[kernel, kernel], odd",
                found: weights.shape)
        }
        guard try targets.intersection(sources).count == 0 else {
            throw .invalidOption(
                layer: layer, option: "sources", expected: "no pixel that is active in targets",
                found: "\(try targets.intersection(sources).count)")
        }
        if weights.isShapeOnly { return try Tensor(shapeOnly: map.shape) }
        var result = map
        try interpolate(
            &result, at: targets, from: sources, weights: weights, epsilon: epsilon, layer: layer)
        return result
    }

    /// Replaces `map` at the active pixels of `targets` by weighted means of the pixels around them that
    /// are active in `sources`: Σ w · map / (Σ w + epsilon). No pixel may be active in both.
    ///
    /// - Parameters:
    ///   - map: `[batch, height, width, channels]`, changed in place.
    ///   - weights: `[kernel, kernel]`, odd.
    static func interpolate(
        _ map: inout Tensor, at targets: MaskPlan, from sources: MaskPlan, weights: Tensor,
        epsilon: Float, layer: String
    ) throws(ProteanError) {
        if map.isShapeOnly { return }
        let base = try map.uniqueBase()
        var runtime = try Runtime.current()
        let status = withExtendedLifetime((targets, sources, weights)) {
            ptn_mask_interpolate(
                &runtime, targets.kernelPlan, sources.kernelPlan, map.shape[3], weights.shape[0],
                weights.storage!.base, epsilon, base)
        }
        try status.check(layer)
    }
}
