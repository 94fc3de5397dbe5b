/// Element-wise tanh(x).
///
/// Any shape in, the same out.
public struct Tanh: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .tanh }

    /// Has no options.
    public init() {}
}
