import CProteanKernels

extension Operations {
    /// The uncertainty of each pixel's logits: −|logit| for one class, else the second largest
    /// logit minus the largest.
    ///
    /// Kirillov, Wu, He, Girshick, "PointRend", arXiv 1912.08193. Cost: one read of the map.
    /// - Parameter logits: `[batch, height, width, classes]`, at least one class.
    /// - Returns: `[batch, height, width, 1]`, at most 0; NaN where a logit is NaN.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func uncertainty(_ logits: Tensor) throws(ProteanError) -> Tensor {
        try checkMap(logits, layer: "uncertainty")
        guard logits.shape[3] >= 1 else {
            throw .shapeMismatch(
                layer: "uncertainty", tensor: "logits", expected: "at least one class",
                found: logits.shape)
        }
        let shape = Array(logits.shape.dropLast()) + [1]
        return try filling(shape, for: "uncertainty", from: [logits]) { runtime, x, y in
            ptn_uncertainty(
                runtime, shape[0] * shape[1] * shape[2], logits.shape[3], x[0], y)
        }
    }
}

extension MaskPlan {
    /// The plan of the `count` pixels with the highest scores in every sample, or of all if there
    /// are fewer.
    ///
    /// NaN counts as the highest score; ties go to the first pixel in row-major order.
    /// - Parameters:
    ///   - count: pixels per sample, at least 0.
    ///   - scores: `[batch, height, width, 1]`.
    /// - Throws: ``ProteanError`` when the shape or the count does not fit, values are missing, there
    ///   are 2³¹ pixels or more, or memory is short.
    public convenience init(highest count: Int, of scores: Tensor) throws(ProteanError) {
        guard scores.rank == 4, scores.shape[3] == 1 else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "scores", expected: "[batch, height, width, 1]",
                found: scores.shape)
        }
        guard count >= 0 else {
            throw .invalidOption(
                layer: "MaskPlan", option: "count", expected: "at least 0", found: "\(count)")
        }
        guard let storage = scores.storage else { throw .noValues(layer: "MaskPlan") }
        let shape = scores.shape
        let plan = try Self.creating {
            ptn_mask_plan_top($0, shape[0], shape[1], shape[2], storage.base, count, $1)
        }
        withExtendedLifetime(storage) {}
        self.init(adopting: plan)
    }

    /// The middles of the active pixels in the list's order, `[count, 2]`: x, then y, in
    /// ``Operations/gridSample(_:grid:mode:padding:alignCorners:layer:)``'s coordinates without
    /// aligned corners, so that maps of any size can be sampled there.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func centres() throws(ProteanError) -> Tensor {
        let grid = try Tensor(uninitialized: [count, 2], for: "MaskPlan")
        withExtendedLifetime(self) { ptn_mask_plan_centres(kernelPlan, grid.storage!.base) }
        return grid
    }
}
