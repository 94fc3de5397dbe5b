import CProteanKernels

/// Convolution weights in the form that the kernels of one instruction set and algorithm read, and the
/// bias. Opaque: made from weights in PyTorch's order, used by
/// ``Operations/conv2d(_:packed:epilogue:layer:)``.
///
/// A custom layer keeps it in a ``Derived`` value, so that weights are packed once per change and
/// not once per call; the form that an input needs is part of the key:
///
/// ```swift
/// private struct Key: Equatable, Sendable { var packing: Conv2dPacking; var version: Int }
/// private let packed = Derived<Key, PackedConv2d>(capacity: 4)
/// …
/// let packing = try geometry.packing(for: x.shape, layer: place)
/// let weights = try packed.value(for: Key(packing: packing, version: weight.version)) {
///     () throws(ProteanError) in
///     try PackedConv2d(weight: weight.value, bias: bias.value, geometry: geometry, packing: packing)
/// }
/// return try Operations.conv2d(x, packed: weights, layer: place)
/// ```
/// Memory: that of the weights, with Winograd's algorithm four to seven times as much.
public final class PackedConv2d: @unchecked Sendable {
    // Safety of `@unchecked Sendable`: the memory is written during initialisation only.

    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// The instruction set and the algorithm whose kernels read it.
    public let packing: Conv2dPacking
    var isa: KernelISA { packing.isa }
    var algorithm: Conv2dPlan.Algorithm { packing.algorithm }
    /// Number of sets of weights: 1, or the number of experts.
    let count: Int
    /// Number of floats in one set.
    let length: Int
    let weights: UnsafeMutablePointer<Float>
    /// `[out]`, or `[experts, out]` for a mixture; nil for no bias.
    let bias: Tensor?
    /// Added to the mixed bias of a mixture: a batch norm's shift does not take part in the mixing,
    /// because routing weights need not sum to 1.
    let shift: Tensor?
    /// The source of weights packed for Winograd's forms, for ``definingSums(layer:)``.
    private let source: (weights: Tensor, scale: Tensor?)?
    private let sums = Derived<Int, PackedConv2d>(capacity: 1)

    /// Packs filters `[out, in / groups, height, width]`, each output channel scaled by `scale`;
    /// bias' = bias · scale + shift. With `experts`, there are that many sets of filters and biases.
    init(
        weights source: Tensor, bias: Tensor?, scale: Tensor?, shift: Tensor?, experts: Int? = nil,
        geometry: Conv2dGeometry, algorithm: Conv2dPlan.Algorithm, isa: KernelISA, layer: String
    ) throws(ProteanError) {
        self.geometry = geometry
        packing = Conv2dPacking(isa: isa, algorithm: algorithm)
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

    /// Packs weights `[out, in / groups, height, width]` and a bias `[out]`.
    ///
    /// Cost: one pass over the weights; Winograd's forms transform each 3 × 3 filter.
    /// - Throws: ``ProteanError`` when a shape does not fit, values are missing or memory is short.
    public convenience init(
        weight: Tensor, bias: Tensor? = nil, geometry: Conv2dGeometry, packing: Conv2dPacking,
        layer: String = "PackedConv2d"
    ) throws(ProteanError) {
        try geometry.check(weight: weight, bias: bias, layer: layer)
        guard !weight.isShapeOnly, bias?.isShapeOnly != true else { throw .noValues(layer: layer) }
        try self.init(
            weights: weight, bias: bias, scale: nil, shift: nil, geometry: geometry,
            algorithm: packing.algorithm, isa: packing.isa, layer: layer)
    }

    deinit { ptn_memory_release(weights) }

    /// The same weights packed for the direct algorithm, on first use.
    func definingSums(layer: String) throws(ProteanError) -> PackedConv2d {
        guard algorithm.isWinograd else { return self }
        // Experts are packed for direct sums.
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
