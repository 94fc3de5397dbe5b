/// A transposed convolution, the norm after it and an activation, run as one kernel.
///
/// Not a module: it refers to layers that are part of a model under their own names, and holds the
/// folded weights. See ``FusedConv2d``.
///
/// ```swift
/// let fused = try FusedConvTranspose2d(up, norm, .relu)
/// let y = try fused(x)   // relu(norm(up(x)))
/// ```
public final class FusedConvTranspose2d: Sendable {
    private let conv: ConvTranspose2d
    private let activation: Activation
    private let kept: ConvTranspose2dParameters

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's channels
    ///   are not the convolution's.
    public init(
        _ conv: ConvTranspose2d, _ norm: (any FoldableNorm)? = nil,
        _ activation: Activation = .identity
    ) throws(ProteanError) {
        if let norm, norm.channels != conv.geometry.outputChannels {
            throw .invalidOption(
                layer: "FusedConvTranspose2d", option: "channels of the batch norm",
                expected: "\(conv.geometry.outputChannels)", found: "\(norm.channels)")
        }
        self.conv = conv
        self.activation = activation
        kept = ConvTranspose2dParameters(
            weight: conv.weight, bias: conv.bias, norm: norm, geometry: conv.geometry)
    }

    /// activation(norm(conv(x)) + residual).
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, in]`.
    ///   - outputSize: as for ``ConvTranspose2d``.
    ///   - residual: of the result's shape.
    /// - Throws: ``ProteanError`` when `x`, the size or `residual` do not fit.
    public func callAsFunction(
        _ x: Tensor, outputSize: Size2d? = nil, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try conv.run(x, kept, outputSize: outputSize, epilogue: epilogue)
    }
}
