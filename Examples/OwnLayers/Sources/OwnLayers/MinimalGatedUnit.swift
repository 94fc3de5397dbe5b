import Protean

/// A recurrent cell with one gate.
///
/// With f = sigmoid(W_f · [x, h] + b_f) and c = tanh(W_c · [x, f · h] + b_c), h' = (1 − f) · h + f · c.
/// Zhou, Wu, Zhang, Zhou, "Minimal Gated Unit for Recurrent Neural Networks", arXiv 1603.09420.
///
/// Input `[batch, inputSize]`; the state and the output are `[batch, hiddenSize]`. Parameters: those of
/// the linear layers `forget` and `candidate`.
public final class MinimalGatedUnit: StatefulLayer {
    /// Numbers per input.
    public let inputSize: Int
    /// Numbers that are kept.
    public let hiddenSize: Int
    /// Where the cell stands in a model.
    public let label: Label? = Label()
    private let forget: Linear
    private let candidate: Linear

    /// A cell with initial values.
    public init(inputSize: Int, hiddenSize: Int) throws(ProteanError) {
        self.inputSize = inputSize
        self.hiddenSize = hiddenSize
        forget = try Linear(inputFeatures: inputSize + hiddenSize, outputFeatures: hiddenSize)
        candidate = try Linear(inputFeatures: inputSize + hiddenSize, outputFeatures: hiddenSize)
    }

    /// `forget` and `candidate`.
    public var submodules: [NamedModule] {
        [NamedModule("forget", forget), NamedModule("candidate", candidate)]
    }

    /// Zeros.
    public func initialState(for input: [Int]) throws(ProteanError) -> Tensor {
        try Tensor(zeros: [input.first ?? 0, hiddenSize])
    }

    /// The next state, which is the output as well.
    public func callAsFunction(
        _ x: Tensor, state: inout Tensor
    ) throws(ProteanError) -> Tensor {
        guard x.rank == 2, x.shape[1] == inputSize else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "[batch, \(inputSize)]", found: x.shape)
        }
        let kept = state
        let gate = try Operations.activate(
            forget(Operations.concatenate([x, kept], axis: 1)), .sigmoid)
        let proposal = try Operations.activate(
            candidate(Operations.concatenate([x, gate * kept], axis: 1)), .tanh)
        state = try kept + gate * (proposal - kept)
        return state
    }
}
