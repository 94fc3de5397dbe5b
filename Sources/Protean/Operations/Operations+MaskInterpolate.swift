import CProteanKernels

extension Operations {
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
