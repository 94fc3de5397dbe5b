import CProteanKernels

/// The entries of an axis that a slice takes: every `step`-th from `start` to before `end`.
public struct AxisSlice: Sendable, Equatable {
    /// The first entry; negative ones count from the end.
    public var start: Int
    /// The entry after the last; negative ones count from the end, nil is the end.
    public var end: Int?
    /// At least 1.
    public var step: Int

    /// Every `step`-th entry from `start` to before `end`.
    public init(from start: Int = 0, to end: Int? = nil, step: Int = 1) {
        self.start = start
        self.end = end
        self.step = step
    }

    /// The entries of a range.
    public init(_ range: Range<Int>) {
        self.init(from: range.lowerBound, to: range.upperBound)
    }

    /// The whole axis.
    public static let all = AxisSlice()
}

extension Operations {
    /// A part of a tensor: a slice of every axis.
    ///
    /// `slice(x, [.all, AxisSlice(1..<3)])` is NumPy's `x[:, 1:3]`; but bounds outside an axis
    /// throw, where NumPy clips them. Cost: one read and one write per element of the result.
    /// - Parameters:
    ///   - x: At most 8 axes.
    ///   - slices: from the outermost axis on; axes without a slice are taken whole.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when a slice does not
    ///   lie within its axis, ends before it begins, has a step below 1, or has no axis.
    public static func slice(_ x: Tensor, _ slices: [AxisSlice]) throws(ProteanError) -> Tensor {
        let layer = "slice"
        try Shape.checkRank(x.shape, layer: layer)
        guard slices.count <= x.rank else {
            throw .invalidOption(
                layer: layer, option: "slices", expected: "at most one per axis of \(x.shape)",
                found: "\(slices.count)")
        }
        var shape = x.shape, steps = Shape.contiguousSteps(x.shape), offset = 0
        for (axis, slice) in slices.enumerated() {
            let range = try range(slice, of: x.shape, axis)
            shape[axis] = range.isEmpty ? 0 : (range.count - 1) / slice.step + 1
            offset += range.isEmpty ? 0 : range.lowerBound * steps[axis]
            // A step larger than the axis is never taken; limiting it avoids overflow.
            steps[axis] *= Swift.min(slice.step, Swift.max(x.shape[axis], 1))
        }
        if shape == x.shape { return x }
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_strided_copy(runtime, shape.count, shape, steps, inputs[0] + offset, y)
        }
    }

    private static func range(
        _ slice: AxisSlice, of shape: [Int], _ axis: Int
    ) throws(ProteanError) -> Range<Int> {
        let size = shape[axis], end = slice.end ?? size
        let first = slice.start < 0 ? slice.start + size : slice.start
        let last = end < 0 ? end + size : end
        guard first >= 0, first <= last, last <= size else {
            throw .invalidOption(
                layer: "slice", option: "axis \(axis)",
                expected: "a part of 0..<\(size), of shape \(shape)",
                found: "\(slice.start) to \(slice.end.map { "\($0)" } ?? "the end")")
        }
        guard slice.step >= 1 else {
            throw .invalidOption(
                layer: "slice", option: "step", expected: "at least 1", found: "\(slice.step)")
        }
        return first..<last
    }

    /// A tensor cut along an axis into parts of the given sizes; `torch.split`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is no such
    ///   axis, a size is negative or the sizes do not add up to the axis's.
    public static func split(
        _ x: Tensor, sizes: [Int], axis: Int
    ) throws(ProteanError) -> [Tensor] {
        let along = try Shape.axis(axis, of: x.shape, layer: "split")
        var end = 0, ends: [Int] = []
        for size in sizes {
            guard size >= 0, size <= x.shape[along] - end else {
                throw unsuited(sizes, x, along)
            }
            end += size
            ends.append(end)
        }
        guard end == x.shape[along] else { throw unsuited(sizes, x, along) }
        var parts: [Tensor] = []
        for (size, end) in zip(sizes, ends) {
            var slices = [AxisSlice](repeating: .all, count: along + 1)
            slices[along] = AxisSlice(end - size..<end)
            parts.append(try slice(x, slices))
        }
        return parts
    }

    private static func unsuited(_ sizes: [Int], _ x: Tensor, _ axis: Int) -> ProteanError {
        .invalidOption(
            layer: "split", option: "sizes",
            expected: "sizes from 0 on that add up to axis \(axis) of \(x.shape)",
            found: "\(sizes)")
    }

    /// A tensor cut along an axis into at most `count` parts of one size, the last one smaller if
    /// the size does not divide the axis; `torch.chunk`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is no such
    ///   axis or `count` is below 1.
    public static func chunk(
        _ x: Tensor, _ count: Int, axis: Int
    ) throws(ProteanError) -> [Tensor] {
        let along = try Shape.axis(axis, of: x.shape, layer: "chunk")
        try checkOption(count, "count", in: 1...OptionLimits.points, layer: "chunk")
        let all = x.shape[along], size = Swift.max(1, (all + count - 1) / count)
        let sizes = stride(from: 0, to: all, by: size).map { Swift.min(size, all - $0) }
        return try split(x, sizes: sizes.isEmpty ? [0] : sizes, axis: along)
    }

    /// The entries of some axes in the opposite order; `torch.flip`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that do not
    ///   exist or occur twice.
    public static func flip(_ x: Tensor, axes: [Int]) throws(ProteanError) -> Tensor {
        try Shape.checkRank(x.shape, layer: "flip")
        let flipped = try Shape.axes(axes, of: x.shape, layer: "flip")
        var steps = Shape.contiguousSteps(x.shape), offset = 0
        for axis in flipped {
            offset += Swift.max(x.shape[axis] - 1, 0) * steps[axis]
            steps[axis] = -steps[axis]
        }
        if x.count == 0 { offset = 0 }
        return try filling(x.shape, for: "flip", from: [x]) { runtime, inputs, y in
            ptn_strided_copy(runtime, x.rank, x.shape, steps, inputs[0] + offset, y)
        }
    }

    /// The whole tensor repeated along each axis; NumPy's and PyTorch's `tile`.
    ///
    /// - Parameters:
    ///   - x: At most 8 axes.
    ///   - counts: aligned at the innermost axis; missing axes of either count as 1. None is negative.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a negative count,
    ///   ``ProteanError/sizeOverflow(layer:what:)``.
    public static func tile(_ x: Tensor, _ counts: [Int]) throws(ProteanError) -> Tensor {
        let rank = Swift.max(x.rank, counts.count)
        let shape = [Int](repeating: 1, count: rank - x.rank) + x.shape
        let counts = [Int](repeating: 1, count: rank - counts.count) + counts
        return try repeated(x, shape, counts, outside: true, layer: "tile")
    }

    /// Every entry of an axis `count` times in a row; NumPy's `repeat`, PyTorch's
    /// `repeat_interleave`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a negative count or no
    ///   such axis, ``ProteanError/sizeOverflow(layer:what:)``.
    public static func repeatEntries(
        _ x: Tensor, count: Int, axis: Int
    ) throws(ProteanError) -> Tensor {
        let layer = "repeatEntries"
        let along = try Shape.axis(axis, of: x.shape, layer: layer)
        let counts = x.shape.indices.map { $0 == along ? count : 1 }
        return try repeated(x, x.shape, counts, outside: false, layer: layer)
    }

    /// Splits every axis into two, one of which is repeated.
    private static func repeated(
        _ x: Tensor, _ shape: [Int], _ counts: [Int], outside: Bool, layer: String
    ) throws(ProteanError) -> Tensor {
        try Shape.checkRank(shape, layer: layer)
        var result: [Int] = []
        for (size, count) in zip(shape, counts) {
            guard count >= 0 else {
                throw .invalidOption(
                    layer: layer, option: "counts", expected: "at least 0", found: "\(count)")
            }
            let (product, overflow) = size.multipliedReportingOverflow(by: count)
            guard !overflow else { throw .sizeOverflow(layer: layer, what: "an axis") }
            result.append(product)
        }
        let steps = Shape.contiguousSteps(shape)
        let pairs = shape.indices.flatMap {
            outside
                ? [(counts[$0], 0), (shape[$0], steps[$0])]
                : [(shape[$0], steps[$0]), (counts[$0], 0)]
        }
        return try filling(result, for: layer, from: [x]) { runtime, inputs, y in
            ptn_strided_copy(
                runtime, pairs.count, pairs.map(\.0), pairs.map(\.1), inputs[0], y)
        }
    }
}
