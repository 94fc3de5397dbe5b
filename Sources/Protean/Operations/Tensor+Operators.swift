/// Arithmetic with NumPy's broadcasting. Operators throw: `try a + b`. A number on either side is a
/// scalar.
extension Tensor {
    /// a + b; ``Operations/add(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func + (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.add(a, b)
    }

    /// a + b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func + (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.add(a, Tensor(scalar: b))
    }

    /// a + b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func + (a: Float, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.add(Tensor(scalar: a), b)
    }

    /// a − b; ``Operations/subtract(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func - (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.subtract(a, b)
    }

    /// a − b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func - (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.subtract(a, Tensor(scalar: b))
    }

    /// a − b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func - (a: Float, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.subtract(Tensor(scalar: a), b)
    }

    /// a · b, element by element; ``Operations/multiply(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func * (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.multiply(a, b)
    }

    /// a · b, element by element, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func * (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.multiply(a, Tensor(scalar: b))
    }

    /// a · b, element by element, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func * (a: Float, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.multiply(Tensor(scalar: a), b)
    }

    /// a / b, element by element; ``Operations/divide(_:_:activation:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func / (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.divide(a, b)
    }

    /// a / b, element by element, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func / (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.divide(a, Tensor(scalar: b))
    }

    /// a / b, element by element, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func / (a: Float, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.divide(Tensor(scalar: a), b)
    }

    /// The elements with the opposite sign.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static prefix func - (x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.negative(x)
    }
}

/// Comparisons, element by element: 1 where they hold, else 0. ``Operations/where(_:_:_:)`` and
/// products take the results.
extension Tensor {
    /// 1 where a = b; NaN equals nothing.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func .== (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.equal(a, b)
    }

    /// 1 where a = b; NaN equals nothing, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func .== (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.equal(a, Tensor(scalar: b))
    }

    /// 1 where a ≠ b; NaN differs from everything.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func .!= (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.notEqual(a, b)
    }

    /// 1 where a ≠ b; NaN differs from everything, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func .!= (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.notEqual(a, Tensor(scalar: b))
    }

    /// 1 where a < b.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func .< (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.less(a, b)
    }

    /// 1 where a < b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func .< (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.less(a, Tensor(scalar: b))
    }

    /// 1 where a ≤ b.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func .<= (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.lessEqual(a, b)
    }

    /// 1 where a ≤ b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func .<= (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.lessEqual(a, Tensor(scalar: b))
    }

    /// 1 where a > b.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func .> (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.greater(a, b)
    }

    /// 1 where a > b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func .> (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.greater(a, Tensor(scalar: b))
    }

    /// 1 where a ≥ b.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public static func .>= (a: Tensor, b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.greaterEqual(a, b)
    }

    /// 1 where a ≥ b, with one number.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public static func .>= (a: Tensor, b: Float) throws(ProteanError) -> Tensor {
        try Operations.greaterEqual(a, Tensor(scalar: b))
    }
}
