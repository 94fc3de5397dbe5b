import CProteanKernels

/// Convolution weights in the form that one instruction set's kernels read, with batch norm folded
/// in, and the bias.
///
/// Safety of `@unchecked Sendable`: the memory is written during initialisation only.
final class PackedConv2d: @unchecked Sendable {
    let geometry: Conv2dGeometry
    let isa: KernelISA
    let algorithm: Conv2dPlan.Algorithm
    /// Sets of weights: 1, or the number of experts.
    let count: Int
    /// Floats of one set.
    let length: Int
    let weights: UnsafeMutablePointer<Float>
    /// Output channels; `[experts, out]` for a mixture; nil for none.
    let bias: Tensor?
    /// Added to the mixed bias of a mixture: a batch norm's shift does not take part in the mixing,
    /// because routing weights need not sum to 1.
    let shift: Tensor?
    /// What Winograd's forms were packed from, for ``definingSums(layer:)``.
    private let source: (weights: Tensor, scale: Tensor?)?
    private let sums = Derived<Int, PackedConv2d>(capacity: 1)

    /// Packs filters `[out, in / groups, height, width]`, each output channel scaled by `scale`;
    /// bias' = bias · scale + shift. With `experts`, there are that many sets of filters and biases.
    init(
        weights source: Tensor, bias: Tensor?, scale: Tensor?, shift: Tensor?, experts: Int? = nil,
        geometry: Conv2dGeometry, algorithm: Conv2dPlan.Algorithm, isa: KernelISA, layer: String
    ) throws(ProteanError) {
        self.geometry = geometry
        self.algorithm = algorithm
        self.isa = isa
        count = experts ?? 1
        self.shift = experts == nil ? nil : shift
        self.source = algorithm.isWinograd && experts == nil ? (source, scale) : nil
        self.bias = try Self.fold(
            bias: bias, scale: scale, shift: experts == nil ? shift : nil,
            channels: geometry.outputChannels)

        // The smallest input that the kernel accepts; packing does not depend on the image.
        var shape = try geometry.kernelShape(
            for: [0, 1, 1, geometry.inputChannels], exactness: .direct, layer: layer)
        let reach = (geometry.kernelSize.height - 1) * geometry.dilation.height + 1
        let width = (geometry.kernelSize.width - 1) * geometry.dilation.width + 1
        shape.h = reach
        shape.w = width
        shape.choice = algorithm.choice
        var plan = ptn_conv2d_plan()
        var runtime = ptn_runtime(isa: isa.kernelValue, threads: 1)
        try ptn_conv2d_plan_for(&runtime, &shape, &plan).check(layer)
        length = Int(plan.packed_floats)

        let sets = count
        let bytes = length.multipliedReportingOverflow(by: sets * MemoryLayout<Float>.stride)
        guard !bytes.overflow else { throw .sizeOverflow(layer: layer, what: "packed weights") }
        guard let memory = ptn_memory_acquire(PTN_MEMORY_WEIGHTS, bytes.partialValue) else {
            throw .outOfMemory(layer: layer, bytes: bytes.partialValue)
        }
        weights = memory.assumingMemoryBound(to: Float.self)
        let filters = source.count / sets
        for index in 0..<sets {
            let status = ptn_conv2d_pack(
                isa.kernelValue, &shape, algorithm.kernelValue,
                source.storage!.base + index * filters,
                scale?.storage?.base, weights + index * length)
            try status.check(layer)
        }
    }

    deinit { ptn_memory_release(weights) }

    /// The same weights for the defining sums, packed when they are first asked for.
    func definingSums(layer: String) throws(ProteanError) -> PackedConv2d {
        guard algorithm.isWinograd else { return self }
        // Mixtures are never packed for Winograd's forms.
        guard let source else { throw .kernel(layer: layer, reason: "no weights to sum with") }
        return try sums.value(for: 0) { () throws(ProteanError) in
            try PackedConv2d(
                weights: source.weights, bias: nil, scale: source.scale, shift: nil,
                geometry: geometry, algorithm: .direct, isa: isa, layer: layer)
        }
    }

    /// bias · scale + shift.
    static func fold(
        bias: Tensor?, scale: Tensor?, shift: Tensor?, channels: Int
    ) throws(ProteanError) -> Tensor? {
        if scale == nil && shift == nil { return bias }
        guard let bias else { return shift }
        let old = bias.elements
        let factor = scale?.elements, added = shift?.elements
        var folded = [Float](repeating: 0, count: old.count)
        for i in folded.indices {
            // In Double: the reference normalises the exact sum, so rounding twice is avoided.
            let c = i % channels
            folded[i] = Float(Double(old[i]) * Double(factor?[c] ?? 1) + Double(added?[c] ?? 0))
        }
        return try Tensor(folded, shape: bias.shape)
    }
}
