/// Functions of each element.
extension Tensor {
    /// |x|; ``Operations/absolute(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func absolute() throws(ProteanError) -> Tensor {
        try Operations.absolute(self)
    }

    /// −1, 0 or 1 by the sign; ``Operations/sign(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func sign() throws(ProteanError) -> Tensor {
        try Operations.sign(self)
    }

    /// x²; ``Operations/square(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func square() throws(ProteanError) -> Tensor {
        try Operations.square(self)
    }

    /// √x; ``Operations/sqrt(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func sqrt() throws(ProteanError) -> Tensor {
        try Operations.sqrt(self)
    }

    /// 1 / √x; ``Operations/rsqrt(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func rsqrt() throws(ProteanError) -> Tensor {
        try Operations.rsqrt(self)
    }

    /// 1 / x; ``Operations/reciprocal(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func reciprocal() throws(ProteanError) -> Tensor {
        try Operations.reciprocal(self)
    }

    /// eˣ; ``Operations/exp(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func exp() throws(ProteanError) -> Tensor {
        try Operations.exp(self)
    }

    /// The natural logarithm; ``Operations/log(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func log() throws(ProteanError) -> Tensor {
        try Operations.log(self)
    }

    /// The greatest whole number not above x; ``Operations/floor(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func floor() throws(ProteanError) -> Tensor {
        try Operations.floor(self)
    }

    /// The smallest whole number not below x; ``Operations/ceil(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func ceil() throws(ProteanError) -> Tensor {
        try Operations.ceil(self)
    }

    /// The nearest whole number, ties to the even neighbour; ``Operations/round(_:)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func round() throws(ProteanError) -> Tensor {
        try Operations.round(self)
    }

    /// 1 / (1 + e⁻ˣ).
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func sigmoid() throws(ProteanError) -> Tensor {
        try Operations.activate(self, .sigmoid)
    }

    /// The hyperbolic tangent.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func tanh() throws(ProteanError) -> Tensor {
        try Operations.activate(self, .tanh)
    }

    /// min(max(x, low), high); ``Operations/clamp(_:low:high:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when `low` is above `high`
    ///   or either is NaN.
    public func clamp(low: Float = -.infinity, high: Float = .infinity) throws(ProteanError)
        -> Tensor
    {
        try Operations.clamp(self, low: low, high: high)
    }

    /// x to a power; ``Operations/power(_:_:)-(Tensor,Float)``.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func power(_ exponent: Float) throws(ProteanError) -> Tensor {
        try Operations.power(self, exponent)
    }

    /// x to the power of another tensor's elements; ``Operations/power(_:_:)-(Tensor,Tensor)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public func power(_ exponents: Tensor) throws(ProteanError) -> Tensor {
        try Operations.power(self, exponents)
    }

    /// The larger of two elements; ``Operations/maximum(_:_:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public func maximum(_ other: Tensor) throws(ProteanError) -> Tensor {
        try Operations.maximum(self, other)
    }

    /// The smaller of two elements; ``Operations/minimum(_:_:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` for shapes that do not
    ///   broadcast.
    public func minimum(_ other: Tensor) throws(ProteanError) -> Tensor {
        try Operations.minimum(self, other)
    }

    /// eˣ / Σ eˣ along an axis; ``Operations/softmax(_:axis:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis.
    public func softmax(axis: Int = -1) throws(ProteanError) -> Tensor {
        try Operations.softmax(self, axis: axis)
    }

    /// The logarithm of ``softmax(axis:)``; ``Operations/logSoftmax(_:axis:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis.
    public func logSoftmax(axis: Int = -1) throws(ProteanError) -> Tensor {
        try Operations.logSoftmax(self, axis: axis)
    }
}
