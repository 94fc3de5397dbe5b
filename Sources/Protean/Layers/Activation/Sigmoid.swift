/// Element-wise 1 / (1 + e⁻ˣ).
///
/// Any shape in, the same out.
public struct Sigmoid: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .sigmoid }

    /// Has no options.
    public init() {}
}
