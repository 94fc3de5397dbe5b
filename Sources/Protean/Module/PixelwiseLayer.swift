/// A layer that works on every pixel by itself: an activation, a scale and shift per channel.
///
/// Applied to some pixels only it gives what it gives for all, which layers rely on that recompute
/// changed pixels (``DeltaSequential``).
public protocol PixelwiseLayer: Layer {
    /// Grows whenever a parameter changes; constant for a layer without parameters.
    var version: Int { get }
}
