import CProteanKernels

/// A masked convolution on maps of one shape: nothing in it depends on a mask or on values.
final class PreparedMaskedConv2d: Sendable {
    let shape: ptn_conv2d_shape
    let settings: Runtime.Resolved
    private let model: ptn_masked_conv2d_model
    /// `[batch, height, width, channels]` of the dense result.
    let output: [Int]
    /// Shared by all batches.
    let packed: Derived<MaskedConv2dPlan.Way, PackedConv2d>

    init(
        shape: ptn_conv2d_shape, settings: Runtime.Resolved, model: ptn_masked_conv2d_model,
        output: [Int]
    ) {
        self.shape = shape
        self.settings = settings
        self.model = model
        self.output = output
        packed = Derived(capacity: 3)
    }

    private init(_ call: PreparedMaskedConv2d, batch: Int) {
        var shape = call.shape, model = call.model
        shape.n = batch
        model.n = batch
        self.shape = shape
        self.model = model
        settings = call.settings
        output = [batch] + call.output.dropFirst()
        packed = call.packed
    }

    /// This call for `count` samples.
    func batch(_ count: Int) -> PreparedMaskedConv2d {
        output[0] == count ? self : PreparedMaskedConv2d(self, batch: count)
    }

    /// The estimates for the active outputs of `mask` from a dense map; `clears` adds the cost of
    /// writing inactive outputs.
    func estimates(
        _ mask: MaskPlan, clears: Bool, layer: String
    ) throws(ProteanError) -> MaskedConv2dEstimates {
        var model = model
        var cycles = (0.0, 0.0, 0.0, 0.0)
        let status = withExtendedLifetime(mask) {
            withUnsafeMutableBytes(of: &cycles) {
                ptn_masked_conv2d_estimate(
                    &model, mask.kernelPlan, clears,
                    $0.assumingMemoryBound(to: Double.self).baseAddress)
            }
        }
        if status == PTN_BAD_ARGUMENT {
            throw .shapeMismatch(
                layer: layer, tensor: "mask", expected: "\(Array(output.prefix(3)))",
                found: [mask.batch, mask.size.height, mask.size.width])
        }
        try status.check(layer)
        return MaskedConv2dEstimates(cycles: cycles)
    }
}
