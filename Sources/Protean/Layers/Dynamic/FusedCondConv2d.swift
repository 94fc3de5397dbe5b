/// A ``CondConv2d``, the batch norm after it and an activation, run as one kernel; see
/// ``FusedConv2d``.
public final class FusedCondConv2d: MultiInputKernel {
    private let conv: CondConv2d
    private let activation: Activation
    private let plans: Conv2dPlanCache

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's
    ///   channels are not the convolution's.
    public init(
        _ conv: CondConv2d, _ norm: (any FoldableNorm)? = nil, _ activation: Activation = .identity
    ) throws(ProteanError) {
        try norm?.check(follows: conv.geometry, layer: "FusedCondConv2d")
        self.conv = conv
        self.activation = activation
        plans = Conv2dPlanCache(
            weight: conv.weight, bias: conv.bias, norm: norm, experts: conv.experts,
            geometry: conv.geometry)
    }

    /// activation(norm(conv(x, routing)) + residual); `routing` is `[batch, experts]`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, routing: Tensor, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try conv.run(x, routing: routing, plans: plans, epilogue: epilogue)
    }

    /// If it has no activation: an activation and a residual.
    public var epilogueParts: EpilogueParts {
        activation == .identity ? [.activation, .residual] : []
    }

    /// norm(conv(x, routing)) followed by this kernel's activation and by `epilogue`; the routing weights
    /// are `inputs[0]`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try conv.check(inputs: inputs.count)
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x, routing: inputs[0]), layer: conv.place)
        }
        if epilogue.isEmpty { return try self(x, routing: inputs[0]) }
        return try conv.run(x, routing: inputs[0], plans: plans, epilogue: epilogue)
    }
}
