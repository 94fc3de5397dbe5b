/// Element-wise min(max(x, 0), 6).
///
/// Sandler et al., CVPR 2018 (arXiv 1801.04381). Any shape in, the same out.
public struct ReLU6: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .relu6 }

    /// Has no options.
    public init() {}
}
