/// Element-wise x · min(max(x + 3, 0), 6) / 6; `torch.nn.Hardswish`.
///
/// Howard et al., ICCV 2019 (arXiv 1905.02244). Any shape in, the same out.
public struct HardSwish: ActivationLayer {
    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .hardSwish }

    /// Has no options.
    public init() {}
}
