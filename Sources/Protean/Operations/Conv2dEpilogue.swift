import CProteanKernels

/// The operations that a convolution applies to its sums before they are stored:
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

    /// Throws if a part does not fit an output of this shape; `expected` is the residual's shape if
    /// it differs.
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
