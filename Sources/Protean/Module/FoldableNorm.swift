/// A norm that is a scale and a shift per channel in inference: `y = x · scale[c] + shift[c]`.
///
/// It can be folded into the weights and bias of the convolution before it, so that it costs
/// nothing at run time: `norm(conv(x)) = conv(x)` with weights · scale and bias · scale + shift.
/// ``BatchNorm2d`` is one; custom norms that conform are folded by the same containers (see
/// ``Sequential``).
public protocol FoldableNorm: PixelwiseLayer {
    /// Number of channels.
    var channels: Int { get }

    /// Scale and shift, `[channels]` each, at the current ``PixelwiseLayer/version`` (the sum of
    /// the parameters' versions will do). Called once per change, not once per call.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    func scaleAndShift() throws(ProteanError) -> (scale: Tensor, shift: Tensor)
}
