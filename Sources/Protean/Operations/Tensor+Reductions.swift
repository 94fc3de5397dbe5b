/// Reductions over some axes, nil for all of them.
extension Tensor {
    /// The sum; ``Operations/sum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func sum(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.sum(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// The mean; ``Operations/mean(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func mean(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.mean(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// The product; ``Operations/product(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func product(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.product(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// The L2 norm, √Σx²; ``Operations/norm(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func norm(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.norm(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// The largest element, NaN where there is one; ``Operations/maximum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func max(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.maximum(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// The smallest element, NaN where there is one; ``Operations/minimum(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func min(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.minimum(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// log Σ eˣ; ``Operations/logSumExp(_:axes:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func logSumExp(
        axes: [Int]? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.logSumExp(self, axes: axes, keepDimensions: keepDimensions)
    }

    /// Σ(x − mean)² / (n − 1), or / n where it is not unbiased;
    /// ``Operations/variance(_:axes:unbiased:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func variance(
        axes: [Int]? = nil, unbiased: Bool = true, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.variance(
            self, axes: axes, unbiased: unbiased, keepDimensions: keepDimensions)
    }

    /// The root of the variance;
    /// ``Operations/standardDeviation(_:axes:unbiased:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for axes that are not
    ///   there or stand twice.
    public func standardDeviation(
        axes: [Int]? = nil, unbiased: Bool = true, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.standardDeviation(
            self, axes: axes, unbiased: unbiased, keepDimensions: keepDimensions)
    }

    /// Where the largest element lies along an axis, or among all for nil;
    /// ``Operations/argMax(_:axis:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError`` when there is no such axis or nothing to choose from.
    public func argMax(
        axis: Int? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.argMax(self, axis: axis, keepDimensions: keepDimensions)
    }

    /// Where the smallest element lies along an axis, or among all for nil;
    /// ``Operations/argMin(_:axis:keepDimensions:)``.
    ///
    /// - Throws: ``ProteanError`` when there is no such axis or nothing to choose from.
    public func argMin(
        axis: Int? = nil, keepDimensions: Bool = false
    ) throws(ProteanError) -> Tensor {
        try Operations.argMin(self, axis: axis, keepDimensions: keepDimensions)
    }
}
