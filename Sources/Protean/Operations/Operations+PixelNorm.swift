import CProteanKernels

/// A norm over the channels of a pixel.
public enum PixelNorm: String, Sendable, CaseIterable {
    /// The sum of absolute values.
    case l1
    /// The root of the sum of squares.
    case l2
    /// The largest absolute value.
    case maximum = "max"

    var kernelValue: ptn_norm_kind {
        switch self {
        case .l1: PTN_NORM_L1
        case .l2: PTN_NORM_L2
        case .maximum: PTN_NORM_MAX
        }
    }
}

extension Operations {
    /// The norm of every pixel over its channels: `[batch, height, width, 1]` from
    /// `[batch, height, width, channels]`.
    ///
    /// Summed in double precision; 0 only where all channels are 0, NaN where one is NaN. Cost: one
    /// read of the map.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func pixelNorms(_ x: Tensor, _ norm: PixelNorm) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "pixelNorms")
        let shape = Array(x.shape.dropLast()) + [1]
        return try filling(shape, for: "pixelNorms", from: [x]) { runtime, inputs, y in
            ptn_pixel_norms(
                runtime, norm.kernelValue, shape[0] * shape[1] * shape[2], x.shape[3], inputs[0],
                y)
        }
    }
}

extension MaskPlan {
    /// The pixels of `x` that differ from those of `previous`, two maps of one shape: where the norm of
    /// the difference is above `epsilon` or is NaN; for an `epsilon` of 0, where any bit differs. With
    /// `candidates`, only pixels that are active there.
    ///
    /// - Throws: ``ProteanError`` when shapes or sizes differ, values are missing or `epsilon` is
    ///   negative.
    public convenience init(
        changesOf x: Tensor, from previous: Tensor, norm: PixelNorm = .maximum,
        above epsilon: Float = 0, within candidates: MaskPlan? = nil
    ) throws(ProteanError) {
        try Operations.checkMap(x, layer: "MaskPlan")
        guard previous.shape == x.shape else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "previous", expected: "\(x.shape)",
                found: previous.shape)
        }
        guard epsilon >= 0 else {
            throw .invalidOption(
                layer: "MaskPlan", option: "epsilon", expected: "at least 0", found: "\(epsilon)")
        }
        let shape = x.shape
        if let candidates {
            let found = [candidates.batch, candidates.size.height, candidates.size.width]
            guard found == Array(shape.prefix(3)) else {
                throw .shapeMismatch(
                    layer: "MaskPlan", tensor: "candidates", expected: "\(shape.prefix(3))",
                    found: found)
            }
        }
        guard let new = x.storage, let old = previous.storage else {
            throw .noValues(layer: "MaskPlan")
        }
        let plan = try Self.creating {
            ptn_mask_plan_changed(
                $0, shape[0], shape[1], shape[2], shape[3], new.base, old.base, norm.kernelValue,
                epsilon, candidates?.kernelPlan, $1)
        }
        withExtendedLifetime((new, old, candidates)) {}
        self.init(adopting: plan)
    }
}
