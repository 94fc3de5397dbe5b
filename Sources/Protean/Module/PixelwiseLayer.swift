/// A layer that computes every pixel from that pixel alone: an activation, a scale and shift per
/// channel.
///
/// Applied to some of the pixels it gives the same values as applied to all. Layers that recompute
/// changed pixels (``DeltaSequential``) rely on this.
public protocol PixelwiseLayer: Layer {
    /// Grows whenever a parameter changes; constant for a layer without parameters.
    var version: Int { get }
}
