import CProteanKernels

/// The active pixels of a map, in every form that sparse layers read.
///
/// A plan is built once per mask, in one pass without branches, and shared by all layers of a
/// block, by all tasks and, if the mask does not change, by the next frame: the list of active
/// pixels, bits, and, made on first use, the inverse map and the runs of neighbouring pixels.
/// Building one for 112 × 112 pixels takes some 2 µs on one AVX-512 core. Memory: 4 bytes per
/// active pixel and an eighth of a byte per pixel; the inverse map takes 4 more bytes per pixel.
///
/// Safety of `@unchecked Sendable`: the plan is immutable while more than one reference to it
/// exists, see ``update(_:to:active:)``; the parts made on demand are published atomically.
public final class MaskPlan: @unchecked Sendable {
    /// Which numbers of a mask mean "active".
    public enum Rule: Sendable, Hashable {
        /// It is not 0; NaN is active.
        case nonzero
        /// It is larger than a threshold.
        case above(Float)
        /// It is at least a threshold.
        case atLeast(Float)

        fileprivate var kernelValue: (kind: ptn_mask_kind, threshold: Float) {
            switch self {
            case .nonzero: (PTN_MASK_FLOATS_NONZERO, 0)
            case .above(let threshold): (PTN_MASK_FLOATS_ABOVE, threshold)
            case .atLeast(let threshold): (PTN_MASK_FLOATS_AT_LEAST, threshold)
            }
        }
    }

    /// Number of samples.
    public let batch: Int
    /// Height and width of the map.
    public let size: Size2d
    /// Active pixels of all samples.
    public private(set) var count: Int

    let kernelPlan: OpaquePointer

    init(adopting plan: OpaquePointer) {
        kernelPlan = plan
        let view = ptn_mask_plan_view(plan)
        batch = Int(view.n)
        size = Size2d(height: Int(view.h), width: Int(view.w))
        count = Int(view.count)
    }

    deinit { ptn_mask_plan_destroy(kernelPlan) }

    /// The plan of a mask of numbers, `[batch, height, width]` or `[batch, height, width, 1]`.
    ///
    /// - Throws: ``ProteanError`` when the shape is another, values are missing, there are 2³¹
    ///   pixels or more, or memory is short.
    public convenience init(_ mask: Tensor, active rule: Rule = .nonzero) throws(ProteanError) {
        guard mask.rank == 3 || (mask.rank == 4 && mask.shape[3] == 1) else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "mask",
                expected: "[batch, height, width] or [batch, height, width, 1]",
                found: mask.shape)
        }
        guard let storage = mask.storage else { throw .noValues(layer: "MaskPlan") }
        let (kind, threshold) = rule.kernelValue
        let plan = try Self.make(
            Array(mask.shape.prefix(3)), kind, UnsafeRawPointer(storage.base), threshold)
        withExtendedLifetime(storage) {}
        self.init(adopting: plan)
    }

    /// The plan of a map of numbers `[batch, height, width, 1]`: active where a number is at least
    /// its sample's threshold, `[batch]` of them in any shape.
    ///
    /// - Throws: ``ProteanError`` when shapes do not fit together, or as above.
    public convenience init(
        _ map: Tensor, atLeast thresholds: Tensor
    ) throws(ProteanError) {
        guard map.rank == 4, map.shape[3] == 1 else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "map", expected: "[batch, height, width, 1]",
                found: map.shape)
        }
        guard thresholds.count == map.shape[0] else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "thresholds", expected: "[\(map.shape[0])]",
                found: thresholds.shape)
        }
        guard let numbers = map.storage, let limits = thresholds.storage else {
            throw .noValues(layer: "MaskPlan")
        }
        let plan = try Self.make(
            Array(map.shape.prefix(3)), PTN_MASK_FLOATS_AT_LEAST, UnsafeRawPointer(numbers.base),
            thresholds: UnsafePointer(limits.base))
        withExtendedLifetime((numbers, limits)) {}
        self.init(adopting: plan)
    }

    /// The plan of a mask of bytes, one per pixel in row-major order; any but 0 is active.
    ///
    /// - Throws: ``ProteanError`` when the number of bytes is not that of the pixels, or as above.
    public convenience init(
        bytes: [UInt8], batch: Int = 1, size: Size2d
    ) throws(ProteanError) {
        let shape = [batch, size.height, size.width]
        try Self.check(bytes.count, of: shape, per: 1, "bytes")
        self.init(adopting: try Self.make(shape, PTN_MASK_BYTES, bytes))
    }

    /// The plan of all pixels of a map `[batch, height, width, channels]`, which need not carry values.
    ///
    /// - Throws: ``ProteanError`` when the shape is another, or as above.
    public convenience init(allOf map: Tensor) throws(ProteanError) {
        guard map.rank == 4 else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "map", expected: "[batch, height, width, channels]",
                found: map.shape)
        }
        let count = try Shape.elementCount(Array(map.shape.prefix(3)), layer: "MaskPlan")
        try Memory.check(count, of: UInt8.self, layer: "MaskPlan")
        try self.init(
            bytes: [UInt8](repeating: 1, count: count), batch: map.shape[0],
            size: Size2d(height: map.shape[1], width: map.shape[2]))
    }

    /// The plan of a packed mask: pixel p of the batch is bit p % 8 of byte p / 8.
    ///
    /// - Throws: ``ProteanError`` when there are not enough bytes, or as above.
    public convenience init(
        bits: [UInt8], batch: Int = 1, size: Size2d
    ) throws(ProteanError) {
        let shape = [batch, size.height, size.width]
        try Self.check(bits.count, of: shape, per: 8, "bits")
        self.init(adopting: try Self.make(shape, PTN_MASK_BITS, bits))
    }

    private static func check(
        _ bytes: Int, of shape: [Int], per pixels: Int, _ option: String
    ) throws(ProteanError) {
        let count = try Shape.elementCount(shape, layer: "MaskPlan")
        let expected = count / pixels + (count % pixels == 0 ? 0 : 1)
        guard bytes == expected else {
            throw .invalidOption(
                layer: "MaskPlan", option: option, expected: "\(expected) bytes for \(shape)",
                found: "\(bytes)")
        }
    }

    /// Makes `plan` the plan of another mask of its size, such as the next frame's; returns the number of
    /// pixels in which the two differ.
    ///
    /// Without a difference the plan stays, and with it all that was derived from it. Without
    /// another reference to the plan, only rows that changed are rewritten; otherwise the other
    /// references keep the old plan and the new one is built as a whole. All of the mask is read in
    /// any case, which with AVX-512 takes most of the time: with 2 % changed an update is 1.2 times
    /// as fast as a new plan for 112 × 112 pixels, 1.4 times for larger maps, and no faster up to
    /// 56 × 56; with AVX2 1.5 times for 56 × 56 and 1.8 to 2.2 times beyond. With half of the map
    /// changed it is hardly faster or slower.
    ///
    /// - Parameters:
    ///   - plan: the plan to replace.
    ///   - mask: `[batch, height, width]` or `[batch, height, width, 1]`.
    ///   - rule: when a number means "active".
    /// - Throws: ``ProteanError`` when the mask is not of the plan's size, values are missing or memory
    ///   is short; the plan is then the old one.
    @discardableResult
    public static func update(
        _ plan: inout MaskPlan, to mask: Tensor, active rule: Rule = .nonzero
    ) throws(ProteanError) -> Int {
        let own = [plan.batch, plan.size.height, plan.size.width]
        guard mask.shape == own || mask.shape == own + [1] else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "mask", expected: "\(own)", found: mask.shape)
        }
        guard let storage = mask.storage else { throw .noValues(layer: "MaskPlan") }
        let (kind, threshold) = rule.kernelValue
        var source = ptn_mask_source(
            n: own[0], h: own[1], w: own[2], kind: kind, data: UnsafeRawPointer(storage.base),
            threshold: threshold, thresholds: nil)
        var runtime = try Runtime.current()
        var changed = 0
        defer { withExtendedLifetime(storage) {} }
        if isKnownUniquelyReferenced(&plan) {
            try ptn_mask_plan_update(&runtime, plan.kernelPlan, &source, &changed).check("MaskPlan")
            plan.count = Int(ptn_mask_plan_view(plan.kernelPlan).count)
        } else {
            try ptn_mask_plan_changes(&runtime, plan.kernelPlan, &source, &changed)
                .check("MaskPlan")
            if changed > 0 { plan = try MaskPlan(mask, active: rule) }
        }
        return changed
    }

    private static func make(
        _ shape: [Int], _ kind: ptn_mask_kind, _ data: UnsafeRawPointer, _ threshold: Float = 0,
        thresholds: UnsafePointer<Float>? = nil
    ) throws(ProteanError) -> OpaquePointer {
        var source = ptn_mask_source(
            n: shape[0], h: shape[1], w: shape[2], kind: kind, data: data, threshold: threshold,
            thresholds: thresholds)
        return try creating { ptn_mask_plan_create($0, &source, $1) }
    }

    static func creating(
        _ kernel: (UnsafePointer<ptn_runtime>, UnsafeMutablePointer<OpaquePointer?>) -> ptn_status
    ) throws(ProteanError) -> OpaquePointer {
        var runtime = try Runtime.current()
        var plan: OpaquePointer?
        try kernel(&runtime, &plan).check("MaskPlan")
        guard let plan else { throw .outOfMemory(layer: "MaskPlan", bytes: 0) }
        return plan
    }
}

extension MaskPlan {
    /// The pixels that are active here and not in `other`, such as those that a frame switched off.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the sizes differ.
    public func subtracting(_ other: MaskPlan) throws(ProteanError) -> MaskPlan {
        try combined(other) { ptn_mask_plan_subtract($0, $1, $2, $3) }
    }

    /// The pixels that are active here and in `other`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the sizes differ.
    public func intersection(_ other: MaskPlan) throws(ProteanError) -> MaskPlan {
        try combined(other) { ptn_mask_plan_intersect($0, $1, $2, $3) }
    }

    /// The pixels that are active here, in `other` or in both.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the sizes differ.
    public func union(_ other: MaskPlan) throws(ProteanError) -> MaskPlan {
        try combined(other) { ptn_mask_plan_unite($0, $1, $2, $3) }
    }

    /// The pixels that are not active here.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func inverted() throws(ProteanError) -> MaskPlan {
        try derive { ptn_mask_plan_invert($0, kernelPlan, $1) }
    }

    private func combined(
        _ other: MaskPlan,
        _ kernel: (
            UnsafePointer<ptn_runtime>, OpaquePointer, OpaquePointer,
            UnsafeMutablePointer<OpaquePointer?>
        ) -> ptn_status
    ) throws(ProteanError) -> MaskPlan {
        guard other.batch == batch, other.size == size else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "other",
                expected: "\([batch, size.height, size.width])",
                found: [other.batch, other.size.height, other.size.width])
        }
        return try withExtendedLifetime(other) { () throws(ProteanError) in
            try derive { kernel($0, kernelPlan, other.kernelPlan, $1) }
        }
    }

    func derive(
        _ kernel: (UnsafePointer<ptn_runtime>, UnsafeMutablePointer<OpaquePointer?>) -> ptn_status
    ) throws(ProteanError) -> MaskPlan {
        try withExtendedLifetime(self) { () throws(ProteanError) in
            MaskPlan(adopting: try Self.creating(kernel))
        }
    }
}

extension MaskPlan {
    /// The arrangement of the active pixels.
    public struct Statistics: Sendable, Equatable {
        /// Active pixels of all samples.
        public let count: Int
        /// Runs of neighbouring active pixels within a row.
        public let runs: Int
        /// Aligned cells of 2 × 2 pixels that hold an active one.
        public let cells2: Int
        /// Aligned cells of 4 × 4 pixels that hold an active one.
        public let cells4: Int
    }

    /// Statistics of the active pixels. Computed from the bits each time; under 1 µs for 112 × 112
    /// pixels.
    public var statistics: Statistics {
        let found = withExtendedLifetime(self) { ptn_mask_plan_statistics(kernelPlan) }
        return Statistics(
            count: Int(found.count), runs: Int(found.runs), cells2: Int(found.cells2),
            cells4: Int(found.cells4))
    }

    /// Pixels of all samples.
    public var pixelCount: Int { batch * size.height * size.width }

    /// Share of the pixels that are active; 0 for a map without pixels.
    public var density: Double { pixelCount == 0 ? 0 : Double(count) / Double(pixelCount) }

    /// Active pixels of each sample: y · width + x, ascending. Copied.
    public var activePixels: [[Int32]] {
        withExtendedLifetime(self) {
            let view = ptn_mask_plan_view(kernelPlan)
            return (0..<batch).map { sample in
                (view.offsets[sample]..<view.offsets[sample + 1]).map { view.pixels[$0] }
            }
        }
    }

    /// For every pixel of `[batch, height, width]` its index among the active ones, or -1. Copied.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func inverseMap() throws(ProteanError) -> [Int32] {
        let rows = withExtendedLifetime(self) {
            ptn_mask_plan_index(kernelPlan).map {
                Array(UnsafeBufferPointer(start: $0, count: pixelCount))
            }
        }
        guard let rows else { throw .outOfMemory(layer: "MaskPlan", bytes: 4 * pixelCount) }
        return rows
    }

    /// The mask as a map of ones and zeros, `[batch, height, width, 1]`.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func mask() throws(ProteanError) -> Tensor {
        let map = try Tensor(uninitialized: [batch, size.height, size.width, 1], for: "MaskPlan")
        withExtendedLifetime(self) { ptn_mask_plan_paint(kernelPlan, map.storage!.base) }
        return map
    }
}
