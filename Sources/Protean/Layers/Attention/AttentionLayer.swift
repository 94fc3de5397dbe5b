/// Attention on a map that can add a residual and apply an activation in the pass that multiplies the
/// map: `activation(attention(x) + residual)`, the end of a residual block.
public protocol AttentionLayer: Layer {
    /// activation(attention(x) + residual), the sum rounded once.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor
}
