/// A convolution along sequences, the norm after it and an activation, run as one kernel.
///
/// Not a module: it refers to layers that are part of a model under their own names, and holds the
/// folded weights. See ``FusedConv2d``.
///
/// ```swift
/// let fused = try FusedConv1d(conv, norm, .relu)   // norm: a BatchNorm1d
/// let y = try fused(x)                             // relu(norm(conv(x)))
/// ```
public final class FusedConv1d: Sendable {
    private let conv: Conv1d
    private let activation: Activation
    private let plans: Conv2dPlanCache

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's channels
    ///   are not the convolution's.
    public init(
        _ conv: Conv1d, _ norm: (any FoldableNorm)? = nil, _ activation: Activation = .identity
    ) throws(ProteanError) {
        try norm?.check(follows: conv.geometry, layer: "FusedConv1d")
        self.conv = conv
        self.activation = activation
        plans = Conv2dPlanCache(
            weight: conv.weight, bias: conv.bias, norm: norm, geometry: conv.geometry)
    }

    /// activation(norm(conv(x))).
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try conv.run(x, plans: plans, epilogue: Conv2dEpilogue(activation: activation))
    }
}
