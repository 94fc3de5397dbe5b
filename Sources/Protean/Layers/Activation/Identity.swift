/// x itself: a place for a layer that a configuration leaves out.
///
/// Any shape in, the same out.
public struct Identity: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .identity }

    /// Has no options.
    public init() {}
}
