import CProteanKernels

/// Weights of a deformable convolution in the form that one instruction set's kernels read, with
/// batch norm folded in, and the bias.
///
/// Safety of `@unchecked Sendable`: the memory is written during initialisation only.
final class PackedDeformableConv2d: @unchecked Sendable {
    let geometry: Conv2dGeometry
    let weights: UnsafeMutablePointer<Float>
    /// `[out]`, or nil.
    let bias: Tensor?

    /// Packs filters `[out, in / groups, height, width]`, each output channel scaled by `scale`;
    /// bias' = bias · scale + shift.
    init(
        weights source: Tensor, bias: Tensor?, scale: Tensor?, shift: Tensor?,
        geometry: Conv2dGeometry, isa: KernelISA, layer: String
    ) throws(ProteanError) {
        self.geometry = geometry
        self.bias = try PackedConv2d.fold(
            bias: bias, scale: scale, shift: shift, channels: geometry.outputChannels)
        // The smallest input that the kernel accepts; packing does not depend on the image.
        var shape = ptn_deform_conv2d_shape()
        shape.conv = try geometry.kernelShape(
            for: [0, 1, 1, geometry.inputChannels], layer: layer)
        shape.conv.h = (geometry.kernelSize.height - 1) * geometry.dilation.height + 1
        shape.conv.w = (geometry.kernelSize.width - 1) * geometry.dilation.width + 1
        shape.offset_groups = 1
        var plan = ptn_deform_conv2d_plan()
        var runtime = ptn_runtime(isa: isa.kernelValue, threads: 1)
        try ptn_deform_conv2d_plan_for(&runtime, &shape, &plan).check(layer)
        let bytes = Int(plan.packed_floats) * MemoryLayout<Float>.stride
        guard let memory = ptn_memory_acquire(PTN_MEMORY_WEIGHTS, bytes) else {
            throw .outOfMemory(layer: layer, bytes: bytes)
        }
        weights = memory.assumingMemoryBound(to: Float.self)
        let status = withExtendedLifetime((source, scale)) {
            ptn_deform_conv2d_pack(
                isa.kernelValue, &shape, source.storage!.base, scale?.storage?.base, weights)
        }
        try status.check(layer)
    }

    deinit { ptn_memory_release(weights) }
}
