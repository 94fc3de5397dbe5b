import CProteanKernels

/// For every pixel of a mask without batch, the nearest active pixel; fills all pixels from compact
/// rows. Made once per mask; 4 bytes per pixel.
struct NearestPixels: Sendable {
    let size: Size2d
    /// Number of active pixels, that is, of rows.
    let count: Int
    private let index: [Int32]

    /// Throws unless `mask` is of one sample that has an active pixel, or no pixels at all.
    init(_ mask: MaskPlan, layer: String) throws(ProteanError) {
        guard mask.batch == 1, mask.count > 0 || mask.pixelCount == 0 else {
            throw .invalidOption(
                layer: layer, option: "mask", expected: "one sample with an active pixel",
                found: "\(mask.batch) samples with \(mask.count)")
        }
        size = mask.size
        count = mask.count
        var runtime = try Runtime.current()
        var status = PTN_OK
        index = withExtendedLifetime(mask) {
            [Int32](unsafeUninitializedCapacity: mask.pixelCount) { buffer, filled in
                guard let base = buffer.baseAddress, mask.pixelCount > 0 else { return }
                status = ptn_mask_plan_nearest(&runtime, mask.kernelPlan, base)
                filled = status == PTN_OK ? mask.pixelCount : 0
            }
        }
        try status.check(layer)
    }

    /// `[batch, height, width, channels]` from rows `[batch · count, channels]`.
    func map(
        from rows: Tensor, batch: Int, layer: String
    ) throws(ProteanError) -> Tensor {
        let shape = [batch, size.height, size.width, rows.shape[1]]
        return try Operations.filling(shape, for: layer, from: [rows]) { runtime, x, y in
            ptn_mask_spread(
                runtime, batch, size.height * size.width, count, rows.shape[1], index, x[0], y)
        }
    }
}
