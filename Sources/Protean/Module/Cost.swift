/// The cost of applying a layer.
public struct Cost: Equatable, Sendable {
    /// Multiply-adds of the whole layer.
    public var multiplyAdds: Int
    /// Multiply-adds that were executed; equal to ``multiplyAdds`` unless the layer skips some.
    public var executedMultiplyAdds: Int
    /// Number of values that training adjusts: what PyTorch counts as parameters.
    public var parameters: Int
    /// Number of other stored values, such as batch norms' means and variances: PyTorch's buffers.
    public var buffers: Int
    /// Bytes that must be read or written at least once: inputs, parameters and outputs.
    public var bytes: Int

    /// A cost; `executedMultiplyAdds` defaults to all of them.
    public init(
        multiplyAdds: Int = 0, executedMultiplyAdds: Int? = nil, parameters: Int = 0,
        buffers: Int = 0, bytes: Int = 0
    ) {
        self.multiplyAdds = multiplyAdds
        self.executedMultiplyAdds = executedMultiplyAdds ?? multiplyAdds
        self.parameters = parameters
        self.buffers = buffers
        self.bytes = bytes
    }

    /// Share of the multiply-adds that were executed, 0...1; 1 for a layer without any.
    public var executedShare: Double {
        multiplyAdds == 0 ? 1 : Double(executedMultiplyAdds) / Double(multiplyAdds)
    }

    /// The sum of two costs.
    public static func + (a: Cost, b: Cost) -> Cost {
        Cost(
            multiplyAdds: a.multiplyAdds + b.multiplyAdds,
            executedMultiplyAdds: a.executedMultiplyAdds + b.executedMultiplyAdds,
            parameters: a.parameters + b.parameters, buffers: a.buffers + b.buffers,
            bytes: a.bytes + b.bytes)
    }

    /// Adds a cost.
    public static func += (a: inout Cost, b: Cost) { a = a + b }

    /// This cost with the parameters and buffers of a folded norm. The norm moves no bytes of its
    /// own.
    public func folding(_ norm: (any FoldableNorm)?) -> Cost {
        guard let norm else { return self }
        return self + Cost(parameters: norm.parameterCount, buffers: norm.bufferCount)
    }
}
