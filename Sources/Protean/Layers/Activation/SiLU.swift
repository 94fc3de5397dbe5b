/// Element-wise x / (1 + e⁻ˣ), also called swish.
///
/// Ramachandran, Zoph, Le (arXiv 1710.05941). Any shape in, the same out.
public struct SiLU: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .silu }

    /// Has no options.
    public init() {}
}
