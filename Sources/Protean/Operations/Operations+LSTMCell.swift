import CProteanKernels

/// The order of the four gates of an LSTM cell in a row of 4 · units numbers.
public enum LSTMGateOrder: Sendable, Hashable, CaseIterable {
    /// Input, forget, cell candidate, output: PyTorch, Keras.
    case inputForgetCellOutput
    /// Input, cell candidate, forget, output: TensorFlow 1 (`i, j, f, o`).
    case inputCellForgetOutput

    var kernelValue: ptn_lstm_order {
        self == .inputForgetCellOutput ? PTN_LSTM_IFGO : PTN_LSTM_IGFO
    }
}

/// The layer norms of an LSTM cell: one for each gate's units, and one for the state within the last
/// tanh.
public struct LSTMNorm: Sendable {
    /// `[4 · units]`, in the order of the gates.
    public var gateScale: Tensor
    /// `[4 · units]`, in the order of the gates.
    public var gateShift: Tensor
    /// `[units]`.
    public var cellScale: Tensor
    /// `[units]`.
    public var cellShift: Tensor
    /// Added to variances.
    public var epsilon: Float

    /// Norms with the given factors and summands.
    public init(
        gateScale: Tensor, gateShift: Tensor, cellScale: Tensor, cellShift: Tensor,
        epsilon: Float = 1e-3
    ) {
        self.gateScale = gateScale
        self.gateShift = gateShift
        self.cellScale = cellScale
        self.cellShift = cellShift
        self.epsilon = epsilon
    }

    var tensors: [Tensor] { [gateScale, gateShift, cellScale, cellShift] }
}

extension Operations {
    /// The state and output of an LSTM cell from the sums of its four gates, in one pass:
    /// `c' = sigmoid(f + forgetBias) · c + sigmoid(i) · tanh(g)`, `h' = sigmoid(o) · tanh(c')`.
    ///
    /// With a norm each gate's units are normalised first, and c' within the last tanh (Ba, Kiros,
    /// Hinton, arXiv 1607.06450). Cost: five exponentials per unit.
    /// - Parameters:
    ///   - gates: `[batch, 4 · units]`.
    ///   - cell: c, `[batch, units]`.
    ///   - order: of the gates.
    ///   - forgetBias: added to the forget gate; TensorFlow's cells add 1.
    ///   - norm: layer norms, or nil.
    ///   - layer: the caller's name, for errors.
    /// - Returns: h' and c', `[batch, units]` each.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func lstmCell(
        gates: Tensor, cell: Tensor, order: LSTMGateOrder = .inputForgetCellOutput,
        forgetBias: Float = 0, norm: LSTMNorm? = nil, layer: String = "lstmCell"
    ) throws(ProteanError) -> (hidden: Tensor, cell: Tensor) {
        guard cell.rank == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "cell", expected: "[batch, units]", found: cell.shape)
        }
        let (batch, units) = (cell.shape[0], cell.shape[1])
        let (four, overflow) = units.multipliedReportingOverflow(by: 4)
        guard !overflow else { throw .sizeOverflow(layer: layer, what: "the gates") }
        var expected = [("gates", gates, [batch, four])]
        if let norm {
            expected += [
                ("gateScale", norm.gateScale, [four]), ("gateShift", norm.gateShift, [four]),
                ("cellScale", norm.cellScale, [units]), ("cellShift", norm.cellShift, [units]),
            ]
        }
        for (name, tensor, shape) in expected where tensor.shape != shape {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(shape)", found: tensor.shape)
        }
        let next: Tensor
        let isShapeOnly = ([gates, cell] + (norm?.tensors ?? [])).contains(where: \.isShapeOnly)
        next =
            isShapeOnly
            ? try Tensor(shapeOnly: cell.shape) : try Tensor(uninitialized: cell.shape, for: layer)
        let hidden = try filling(
            cell.shape, for: layer, from: [gates, cell, next] + (norm?.tensors ?? [])
        ) { runtime, inputs, h in
            guard let state = next.storage?.base else { return PTN_BAD_ARGUMENT }
            var value = ptn_lstm_norm()
            if let norm {
                value.gate_scale = inputs[3]
                value.gate_shift = inputs[4]
                value.cell_scale = inputs[5]
                value.cell_shift = inputs[6]
                value.epsilon = norm.epsilon
            }
            return withUnsafePointer(to: value) { value in
                ptn_lstm_cell(
                    runtime, batch, units, order.kernelValue, forgetBias,
                    norm == nil ? nil : value, inputs[0], inputs[1], state, h)
            }
        }
        return (hidden, next)
    }
}
