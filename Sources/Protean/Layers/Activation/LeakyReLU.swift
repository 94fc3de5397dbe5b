/// Element-wise x for x > 0, else negativeSlope · x.
///
/// Maas, Hannun, Ng, ICML 2013. Any shape in, the same out.
public struct LeakyReLU: ActivationLayer {
    /// The factor left of 0.
    public let negativeSlope: Float

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { .leakyReLU(slope: negativeSlope) }

    /// A slope of 0.01 by default.
    public init(negativeSlope: Float = 0.01) { self.negativeSlope = negativeSlope }
}
