/// Attention that multiplies a map by the gates that it computes from this map:
/// `y = x · gates(of: x)`.
///
/// A layer implements ``Gate/gates(of:)`` and gets its calls, in which the activation after the
/// layer, and a residual if the caller asks for it, take no pass over the map of their own.
public protocol SelfGating: Gate, AcceptsEpilogue, AttentionLayer {}

extension SelfGating {
    /// The gated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, residual: nil, activation: .identity)
    }

    /// activation(x · gates + residual).
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try scaling(x, byGatesOf: x, residual: residual, activation: activation)
    }

    /// An activation.
    public var epilogueParts: EpilogueParts { .activation }

    /// The gated map followed by an epilogue.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        let isPlain = epilogue.residual == nil || !epilogue.residualAfterActivation
        guard isPlain, epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try callAsFunction(
            x, residual: epilogue.residual, activation: epilogue.activation)
    }
}
