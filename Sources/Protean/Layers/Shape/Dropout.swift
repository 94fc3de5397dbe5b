/// The identity: in inference, dropout returns its input unchanged.
///
/// Srivastava et al., JMLR 2014. It exists so that models have the reference's structure.
public struct Dropout: Layer {
    /// The share that training would set to zero.
    public let probability: Double

    /// A share of 0.5 by default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` outside 0...1.
    public init(probability: Double = 0.5) throws(ProteanError) {
        guard (0...1).contains(probability) else {
            throw .invalidOption(
                layer: "Dropout", option: "probability", expected: "0...1",
                found: "\(probability)")
        }
        self.probability = probability
    }

    /// `x` itself.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }
}
