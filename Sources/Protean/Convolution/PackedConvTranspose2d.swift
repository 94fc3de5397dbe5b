import CProteanKernels

/// Weights of a transposed convolution in the form that one instruction set's kernels read, with a
/// batch norm folded in, and the bias.
///
/// Safety of `@unchecked Sendable`: the memory is written during initialisation only.
final class PackedConvTranspose2d: @unchecked Sendable {
    let weights: UnsafeMutablePointer<Float>
    /// `[out]`; nil for no bias.
    let bias: Tensor?

    /// Packs filters `[in, out / groups, height, width]`, each output channel scaled by `scale`;
    /// bias' = bias · scale + shift.
    init(
        _ filters: Tensor, bias: Tensor?, scale: Tensor?, shift: Tensor?,
        geometry: ConvTranspose2dGeometry, isa: KernelISA, layer: String
    ) throws(ProteanError) {
        self.bias = try PackedConv2d.fold(
            bias: bias, scale: scale, shift: shift, channels: geometry.outputChannels)
        // Packing does not depend on the image.
        let pixel = [0, 1, 1, geometry.inputChannels]
        var shape = geometry.kernelShape(input: pixel, output: [0, 1, 1, geometry.outputChannels])
        var plan = ptn_conv_transpose2d_plan()
        var runtime = ptn_runtime(isa: isa.kernelValue, threads: 1)
        try ptn_conv_transpose2d_plan_for(&runtime, &shape, &plan).check(layer)
        let bytes = Int(plan.packed_floats) * MemoryLayout<Float>.stride
        guard let memory = ptn_memory_acquire(PTN_MEMORY_WEIGHTS, bytes) else {
            throw .outOfMemory(layer: layer, bytes: bytes)
        }
        weights = memory.assumingMemoryBound(to: Float.self)
        let status = withExtendedLifetime((filters, scale)) {
            ptn_conv_transpose2d_pack(
                isa.kernelValue, &shape, filters.storage!.base, scale?.storage?.base, weights)
        }
        try status.check(layer)
    }

    deinit { ptn_memory_release(weights) }
}

/// A transposed convolution's weights and bias and the batch norm folded into them, and their
/// packed forms, cached until a parameter changes.
final class ConvTranspose2dParameters: Sendable {
    let geometry: ConvTranspose2dGeometry
    let norm: (any FoldableNorm)?
    private let weight: Parameter
    private let bias: Parameter?

    private struct PackedKey: Equatable, Sendable {
        var isa: KernelISA
        var version: Int
    }
    private struct MirroredKey: Equatable, Sendable {
        var geometry: Conv2dGeometry
        var version: Int
    }
    // An entry per instruction set that calls may switch between.
    private let packed = Derived<PackedKey, PackedConvTranspose2d>(capacity: 2)
    private let mirrored = Derived<MirroredKey, Conv2dPlanCache>(capacity: 2)

    init(
        weight: Parameter, bias: Parameter?, norm: (any FoldableNorm)? = nil,
        geometry: ConvTranspose2dGeometry
    ) {
        self.weight = weight
        self.bias = bias
        self.norm = norm
        self.geometry = geometry
    }

    /// The packed form that an instruction set's kernels read.
    func packed(for isa: KernelISA, layer: String) throws(ProteanError) -> PackedConvTranspose2d {
        let version = weight.version + (bias?.version ?? 0) + (norm?.version ?? 0)
        return try packed.value(for: PackedKey(isa: isa, version: version)) {
            () throws(ProteanError) in
            let affine = try norm?.scaleAndShift()
            return try PackedConvTranspose2d(
                weight.value, bias: bias?.value, scale: affine?.scale, shift: affine?.shift,
                geometry: geometry, isa: isa, layer: layer)
        }
    }

    /// The ordinary convolution `other` with mirrored taps; it follows later changes of the bias
    /// and the norm.
    func mirrored(
        _ other: Conv2dGeometry, layer: String
    ) throws(ProteanError) -> Conv2dPlanCache {
        try mirrored.value(for: MirroredKey(geometry: other, version: weight.version)) {
            () throws(ProteanError) in
            let pixel = [0, 1, 1, geometry.inputChannels]
            var shape = geometry.kernelShape(
                input: pixel, output: [0, 1, 1, geometry.outputChannels])
            let filters = try Tensor(uninitialized: other.weightShape, for: layer)
            let source = weight.value
            let status = withExtendedLifetime(source) {
                ptn_conv_transpose2d_mirror(&shape, source.storage!.base, filters.storage!.base)
            }
            try status.check(layer)
            return Conv2dPlanCache(
                weight: Parameter(filters), bias: bias, norm: norm, geometry: other)
        }
    }
}
