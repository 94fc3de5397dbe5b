import CProteanKernels

extension Operations {
    /// The sum over some axes.
    ///
    /// Like all reductions here, it sums in double precision, in an order that depends on the shape
    /// only, and rounds once, so bits are equal for any number of threads and on every instruction
    /// set. The error is at most half a unit in the last place plus n · 2⁻⁵³ · Σ|x|. The sum of no
    /// numbers is 0. Cost: one read of `x`.
    /// - Parameters:
    ///   - x: At most 8 axes.
    ///   - axes: each at most once; negative ones count from the innermost. nil means all of them, an
    ///     empty list none.
    ///   - keepDimensions: leave the axes in the shape with size 1, so that the result broadcasts with
    ///     `x`.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that do not
    ///   exist or occur twice.
    public static func sum(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(PTN_REDUCE_SUM, x, axes, keepDimensions, layer: "sum")
    }

    /// The mean over some axes; NaN over no numbers. See ``sum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func mean(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(PTN_REDUCE_MEAN, x, axes, keepDimensions, layer: "mean")
    }

    /// The variance over some axes: Σ(x − mean)² / (n − 1), or / n if not `unbiased`.
    ///
    /// The mean is taken first, block by block, and blocks are combined by their means and squared
    /// deviations, all in double precision: the relative error is at most 2⁻²⁴ + n · 2⁻⁵⁰. NaN where
    /// the divisor is 0 and the sum is too, as in PyTorch. See ``sum(_:axes:keepDimensions:)``.
    /// - Parameters:
    ///   - x: At most 8 axes.
    ///   - axes: nil means all of them.
    ///   - unbiased: divide by n − 1, PyTorch's default; NumPy's is n.
    ///   - keepDimensions: leave the axes in the shape with size 1.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func variance(
        _ x: Tensor, axes: [Int]? = nil, unbiased: Bool = true, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(
            PTN_REDUCE_VARIANCE, x, axes, keepDimensions, correction: unbiased ? 1 : 0,
            layer: "variance")
    }

    /// The root of ``variance(_:axes:unbiased:keepDimensions:)``, rounded once.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func standardDeviation(
        _ x: Tensor, axes: [Int]? = nil, unbiased: Bool = true, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(
            PTN_REDUCE_STANDARD_DEVIATION, x, axes, keepDimensions, correction: unbiased ? 1 : 0,
            layer: "standardDeviation")
    }

    /// The product over some axes; 1 over no numbers. In double precision, otherwise as
    /// ``sum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func product(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(PTN_REDUCE_PRODUCT, x, axes, keepDimensions, layer: "product")
    }

    /// The L2 norm over some axes, √Σx²; 0 over no numbers. In double precision, so squares neither
    /// overflow nor vanish; otherwise as ``sum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func norm(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(PTN_REDUCE_L2, x, axes, keepDimensions, layer: "norm")
    }

    /// The largest element over some axes; NaN if any element is NaN, as in PyTorch's `amax`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` as
    ///   ``sum(_:axes:keepDimensions:)``, and
    ///   ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` over no numbers.
    public static func maximum(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(PTN_REDUCE_MAXIMUM, x, axes, keepDimensions, layer: "maximum")
    }

    /// The smallest element over some axes; see ``maximum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError`` as ``maximum(_:axes:keepDimensions:)``.
    public static func minimum(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try reduce(PTN_REDUCE_MINIMUM, x, axes, keepDimensions, layer: "minimum")
    }

    /// log Σ eˣ over some axes, without overflow: the maximum is subtracted first. −∞ over numbers
    /// that are all −∞ or over none.
    ///
    /// Cost: five passes over `x`.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func logSumExp(
        _ x: Tensor, axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        let shape = try reducedShape(x, axes, keepDimensions, layer: "logSumExp")
        if x.count == 0 {
            return try log(sum(x, axes: axes, keepDimensions: keepDimensions))
        }
        let top = try maximum(x, axes: axes, keepDimensions: true)
        // Subtracting an infinite maximum would give NaN.
        let isFinite = try less(absolute(top), Tensor(scalar: .infinity))
        let offset = try `where`(isFinite, top, Tensor(scalar: 0))
        let total = try sum(exp(subtract(x, offset)), axes: axes, keepDimensions: true)
        return try add(log(total), offset).reshaped(to: shape.result)
    }

    private static func reducedShape(
        _ x: Tensor, _ axes: [Int]?, _ keepDimensions: Bool, layer: String
    ) throws(ProteanError) -> (result: [Int], bits: UInt32) {
        try Shape.checkRank(x.shape, layer: layer)
        let reduced = try Shape.axes(axes, of: x.shape, layer: layer)
        let shape = x.shape.enumerated().compactMap { axis, size in
            reduced.contains(axis) ? (keepDimensions ? 1 : nil) : size
        }
        return (shape, reduced.reduce(0) { $0 | 1 << UInt32($1) })
    }

    private static func reduce(
        _ kind: ptn_reduce_kind, _ x: Tensor, _ axes: [Int]?, _ keepDimensions: Bool,
        correction: Int = 0, layer: String
    ) throws(ProteanError) -> Tensor {
        let (shape, bits) = try reducedShape(x, axes, keepDimensions, layer: layer)
        let isExtreme = kind == PTN_REDUCE_MAXIMUM || kind == PTN_REDUCE_MINIMUM
        if isExtreme, x.count == 0, !shape.contains(0) {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "at least one number along \(axes ?? [])",
                found: x.shape)
        }
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_reduce(runtime, kind, x.rank, x.shape, bits, correction, inputs[0], y)
        }
    }
}

extension Operations {
    /// The index of the largest element along an axis, from 0; the first of equal ones, or the
    /// first NaN.
    ///
    /// The result fits ``gather(_:axis:indices:)`` with `keepDimensions`. Cost: two reads of `x`.
    /// - Parameters:
    ///   - x: Any shape.
    ///   - axis: nil: over all elements in row-major order; the result is a scalar, or has sizes of 1.
    ///   - keepDimensions: leave the axis in the shape with size 1.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the axis has no
    ///   elements, or more than 2²⁴, since larger floats do not represent every whole number;
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis.
    public static func argMax(
        _ x: Tensor, axis: Int? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try argExtreme(true, x, axis, keepDimensions, layer: "argMax")
    }

    /// The index of the smallest element along an axis; see ``argMax(_:axis:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError`` as ``argMax(_:axis:keepDimensions:)``.
    public static func argMin(
        _ x: Tensor, axis: Int? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try argExtreme(false, x, axis, keepDimensions, layer: "argMin")
    }

    private static func argExtreme(
        _ largest: Bool, _ x: Tensor, _ axis: Int?, _ keepDimensions: Bool, layer: String
    ) throws(ProteanError) -> Tensor {
        var shape = [Int](repeating: 1, count: keepDimensions ? x.rank : 0)
        var (outer, size, inner) = (1, x.count, 1)
        if let axis {
            let axis = try Shape.axis(axis, of: x.shape, layer: layer)
            outer = x.shape[..<axis].reduce(1, *)
            size = x.shape[axis]
            inner = x.shape[(axis + 1)...].reduce(1, *)
            shape = x.shape
            shape.replaceSubrange(axis...axis, with: keepDimensions ? [1] : [])
        }
        guard shape.contains(0) || (1...(1 << 24)).contains(size) else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "1 to 2^24 elements to choose from",
                found: x.shape)
        }
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_arg_extreme(runtime, largest, outer, size, inner, inputs[0], y)
        }
    }
}
