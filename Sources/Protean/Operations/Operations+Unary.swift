import CProteanKernels

extension Operations {
    /// −x, element by element. Like all functions of one number here, it takes one read and one
    /// write per element, the result has `x`'s shape, and NaN stays NaN.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func negative(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_NEGATE, x, layer: "negative")
    }

    /// |x|, element by element.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func absolute(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_ABSOLUTE, x, layer: "absolute")
    }

    /// −1, 0 or 1 by the sign of each element; 0 for ±0 and, as in PyTorch, for NaN.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func sign(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_SIGN, x, layer: "sign")
    }

    /// x², element by element.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func square(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_SQUARE, x, layer: "square")
    }

    /// √x, element by element, correctly rounded; NaN below 0.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func sqrt(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_SQRT, x, layer: "sqrt")
    }

    /// 1 / √x, element by element, within 1.5 units in the last place; ∞ at 0, NaN below.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func rsqrt(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_RSQRT, x, layer: "rsqrt")
    }

    /// 1 / x, element by element; ±∞ at 0.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func reciprocal(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_RECIPROCAL, x, layer: "reciprocal")
    }

    /// eˣ, element by element, within 1 unit in the last place.
    ///
    /// 0 where the result would be below the smallest normal number, x < −87.33654; PyTorch gives
    /// denormal numbers there.
    /// - Throws: ``ProteanError`` when memory is short.
    public static func exp(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_EXP, x, layer: "exp")
    }

    /// The natural logarithm, element by element, within 0.9 units in the last place; −∞ at 0, NaN
    /// below.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func log(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_LOG, x, layer: "log")
    }

    /// The greatest whole number not above x, element by element.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func floor(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_FLOOR, x, layer: "floor")
    }

    /// The smallest whole number not below x, element by element.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func ceil(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_CEIL, x, layer: "ceil")
    }

    /// The nearest whole number, element by element; ties go to the even neighbour, as in NumPy and
    /// PyTorch.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func round(_ x: Tensor) throws(ProteanError) -> Tensor {
        try unary(PTN_UNARY_ROUND, x, layer: "round")
    }

    /// min(max(x, low), high), element by element.
    ///
    /// - Parameters:
    ///   - x: Any shape.
    ///   - low: −∞ for none.
    ///   - high: at least `low`; ∞ for none.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `low` is above
    ///   `high` or either is NaN.
    public static func clamp(
        _ x: Tensor, low: Float = -.infinity, high: Float = .infinity
    ) throws(ProteanError) -> Tensor {
        guard low <= high else {
            throw .invalidOption(
                layer: "clamp", option: "high", expected: "at least low, \(low)", found: "\(high)")
        }
        return try unary(PTN_UNARY_CLAMP, x, low: low, high: high, layer: "clamp")
    }

    /// x to a power, element by element: ``power(_:_:)-(Tensor,Tensor)`` with one exponent, and x · x
    /// for 2.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func power(_ x: Tensor, _ exponent: Float) throws(ProteanError) -> Tensor {
        exponent == 2 ? try square(x) : try power(x, Tensor(scalar: exponent))
    }

    private static func unary(
        _ op: ptn_unary_op, _ x: Tensor, low: Float = 0, high: Float = 0, layer: String
    ) throws(ProteanError) -> Tensor {
        try filling(x.shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_unary(runtime, op, x.count, inputs[0], low, high, y)
        }
    }
}
