import CProteanKernels

/// What a convolution does to its sums before they leave the registers:
/// `y = activation(gate · sum + bias + residual)`.
public struct Conv2dEpilogue: Sendable {
    /// Applied last, unless ``residualAfterActivation``.
    public var activation: Activation
    /// Added before the activation; shaped like the output.
    public var residual: Tensor?
    /// Adds the residual after the activation instead of before.
    public var residualAfterActivation: Bool
    /// Multiplies the sum per sample and output channel, `[batch, channels]`.
    public var gate: Tensor?

    /// By default, nothing but the bias.
    public init(
        activation: Activation = .identity, residual: Tensor? = nil,
        residualAfterActivation: Bool = false, gate: Tensor? = nil
    ) {
        self.activation = activation
        self.residual = residual
        self.residualAfterActivation = residualAfterActivation
        self.gate = gate
    }

    /// Refuses what does not fit an output of this shape; the residual's is `expected` where that is
    /// another.
    func check(
        output: [Int], residual expected: [Int]? = nil, layer: String
    ) throws(ProteanError) {
        if let residual, residual.shape != expected ?? output {
            throw .shapeMismatch(
                layer: layer, tensor: "residual", expected: "\(expected ?? output)",
                found: residual.shape)
        }
        if let gate, gate.shape != [output[0], output[3]] {
            throw .shapeMismatch(
                layer: layer, tensor: "gate", expected: "\([output[0], output[3]])",
                found: gate.shape)
        }
        guard residual != nil && residualAfterActivation else { return }
        guard [.identity, .relu, .relu6].contains(activation) else {
            throw .invalidOption(
                layer: layer, option: "residualAfterActivation",
                expected: "identity, relu or relu6 as the activation", found: "\(activation)")
        }
    }
}
