/// Element-wise max(x, 0).
///
/// Nair, Hinton, ICML 2010. Any shape in, the same out.
public struct ReLU: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .relu }

    /// Has no options.
    public init() {}
}
