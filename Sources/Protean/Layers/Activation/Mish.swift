/// Element-wise x · tanh(log(1 + eˣ)).
///
/// Misra (arXiv 1908.08681). Any shape in, the same out.
public struct Mish: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .mish }

    /// Has no options.
    public init() {}
}
