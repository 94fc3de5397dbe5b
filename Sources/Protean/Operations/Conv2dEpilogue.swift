import CProteanKernels

/// The operations that a convolution applies to its sums before they are stored:
/// `y = activation(gate · sum + bias + residual) · factor`.
public struct Conv2dEpilogue: Sendable {
    /// Applied last, unless ``residualAfterActivation``.
    public var activation: Activation
    /// Added before the activation; shaped like the output.
    public var residual: Tensor?
    /// Adds the residual after the activation instead of before.
    public var residualAfterActivation: Bool
    /// Multiplies the sum per sample and output channel, `[batch, channels]`.
    public var gate: Tensor?
    /// Multiplies the activation's result per element; shaped like the output. A residual after the
    /// activation is added after it. With a sigmoid this is a gate per element that is applied where
    /// it is computed: `sigmoid(conv(x)) · x`.
    public var factor: Tensor?

    /// By default, nothing but the bias.
    public init(
        activation: Activation = .identity, residual: Tensor? = nil,
        residualAfterActivation: Bool = false, gate: Tensor? = nil, factor: Tensor? = nil
    ) {
        self.activation = activation
        self.residual = residual
        self.residualAfterActivation = residualAfterActivation
        self.gate = gate
        self.factor = factor
    }

    /// Throws if a part does not fit an output of this shape; `expected` is the shape of residual and
    /// factor if it differs.
    func check(
        output: [Int], residual expected: [Int]? = nil, layer: String
    ) throws(ProteanError) {
        for (name, tensor) in [("residual", residual), ("factor", factor)] {
            guard let tensor, tensor.shape != expected ?? output else { continue }
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(expected ?? output)",
                found: tensor.shape)
        }
        if let gate, gate.shape != [output[0], output[3]] {
            throw .shapeMismatch(
                layer: layer, tensor: "gate", expected: "\([output[0], output[3]])",
                found: gate.shape)
        }
    }
}
