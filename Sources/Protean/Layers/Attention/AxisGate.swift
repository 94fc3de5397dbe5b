/// Attention whose gates vary along some axes of the map only and are combined per element: CBAM,
/// BAM, coordinate and triplet attention.
///
/// A layer implements ``axisGates(of:)``. The gates are applied in one pass over the map, together
/// with a residual and an activation, and no map of factors is made.
public protocol AxisGate: SelfGating {
    /// The gates for maps of `x`'s shape, computed from `x`.
    ///
    /// Given a tensor that carries a shape only, returns the gates' shapes without computing.
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func axisGates(of x: Tensor) throws(ProteanError) -> AxisGates

    /// How often ``axisGates(of:)`` reads the whole map, for the cost.
    var mapReads: Int { get }
}

extension AxisGate {
    /// Once.
    public var mapReads: Int { 1 }

    /// The factors of all elements, in the shape of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try factors(of: try axisGates(of: x), for: x)
    }

    private func factors(of gates: AxisGates, for x: Tensor) throws(ProteanError) -> Tensor {
        let ones =
            x.isShapeOnly
            ? try Tensor(shapeOnly: x.shape) : try Tensor(repeating: 1, shape: x.shape)
        return try Operations.gate(ones, by: gates, layer: place)
    }

    /// activation(y · factors + residual) with the factors of `x`, traced under this module, in one
    /// pass over `y`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func scaling(
        _ y: Tensor, byGatesOf x: Tensor, residual: Tensor? = nil,
        activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let gates = try axisGates(of: x)
        let reads = mapReads
        let scaled = try traced(
            typeName, path: label, input: y,
            cost: {
                Cost(
                    multiplyAdds: gates.tensors.count * $0.count,
                    bytes: 4 * (2 * $0.count + reads * x.count))
            }
        ) { () throws(ProteanError) in
            try Operations.gate(
                y, by: gates, residual: residual, activation: activation, layer: place)
        }
        try note(gates, for: y)
        return scaled
    }

    /// An activation and a residual.
    public var epilogueParts: EpilogueParts { [.activation, .residual] }

    /// Gates per channel and gates per pixel that multiply one after the other have an entry each.
    private func note(_ gates: AxisGates, for y: Tensor) throws(ProteanError) {
        if gates.combination == .product, gates.rows == nil, gates.columns == nil {
            for tensor in gates.tensors {
                try AttentionRecord.note(path: place, input: y) { () throws(ProteanError) in tensor
                }
            }
        } else {
            try AttentionRecord.note(path: place, input: y) { () throws(ProteanError) in
                try factors(of: gates, for: y)
            }
        }
    }
}
