/// Element-wise x · Φ(x), Φ being the distribution function of the normal distribution.
///
/// Hendrycks, Gimpel (arXiv 1606.08415). Any shape in, the same out.
public struct GELU: ActivationLayer {
    /// How Φ is computed.
    public enum Approximation: String, Sendable, CaseIterable {
        /// (1 + erf(x / √2)) / 2.
        case none
        /// (1 + tanh(√(2 / π) · (x + 0.044715 x³))) / 2.
        case tanh
    }

    /// How Φ is computed.
    public let approximate: Approximation

    /// The function, so that a container can run it in the layer before.
    public var activation: Activation { approximate == .none ? .gelu : .geluTanh }

    /// Exact by default.
    public init(approximate: Approximation = .none) { self.approximate = approximate }
}
