/// Convolutions and pointwise layers over the frames of a video, recomputed only where something has
/// changed.
///
/// Layers are those of a ``Sequential``: convolutions, batch norms and element-wise activations; a
/// convolution, the norm after it and the activation after that form one step. Every step works as
/// ``DeltaConv2d``: it compares its input with the input that it has propagated, at the pixels that
/// the previous step has computed, so that changes which vanish on the way (in a ReLU, for example)
/// cost nothing in later steps. There is no drift: each step's result is exactly that of its stored
/// input, which differs from the true input by at most `epsilon`.
///
/// With `epsilon` 0 every frame's result equals that of the dense layers, computed directly, bit
/// for bit. Input `[batch, height, width, channels]`; parameters under the layers' positions. Cost:
/// each layer computes only the outputs that read a change.
public final class DeltaSequential: StatefulLayer {
    /// The layers under their names, in order.
    public let submodules: [NamedModule]
    /// The norm by which pixels are compared.
    public let norm: PixelNorm
    /// The largest change that is not propagated.
    public let epsilon: Float
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let steps: DeltaSteps

    /// Layers named by their position.
    ///
    /// - Parameters:
    ///   - layers: ``Conv2d``, ``BatchNorm2d`` and element-wise activations, at least one.
    ///   - norm: over the channels of a pixel's change.
    ///   - epsilon: finite, at least 0; the same for all steps.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for another layer.
    public init(
        _ layers: [any Layer], norm: PixelNorm = .maximum, epsilon: Float = 0
    ) throws(ProteanError) {
        try DeltaSteps.check(epsilon, layer: "DeltaSequential")
        guard !layers.isEmpty else {
            throw .invalidOption(
                layer: "DeltaSequential", option: "layers", expected: "at least one", found: "none")
        }
        submodules = layers.enumerated().map { NamedModule("\($0.offset)", $0.element) }
        self.norm = norm
        self.epsilon = epsilon
        steps = DeltaSteps(steps: try Self.steps(of: layers), norm: norm, epsilon: epsilon)
    }

    private static func steps(of layers: [any Layer]) throws(ProteanError) -> [DeltaStep] {
        var steps: [DeltaStep] = []
        var rest = layers[...]
        while let layer = rest.popFirst() {
            if let conv = layer as? any HasMaskedForm {
                let norm = rest.first as? any FoldableNorm
                if norm != nil { rest.removeFirst() }
                let activation = (rest.first as? any ActivationLayer)?.activation
                if activation != nil { rest.removeFirst() }
                steps.append(
                    .convolution(
                        try conv.maskedForm(
                            folding: norm, activation: activation ?? .identity, algorithm: .direct))
                )
            } else if let layer = layer as? any PixelwiseLayer {
                steps.append(.pointwise(layer))
            } else {
                throw .invalidOption(
                    layer: "DeltaSequential", option: "layers",
                    expected: "Conv2d, BatchNorm2d and element-wise activations",
                    found: layer.typeName)
            }
        }
        return steps
    }

    /// The state before the first frame.
    public func initialState(for input: [Int]) -> DeltaState { DeltaState() }

    /// The result for the next frame of the stream that `state` belongs to.
    ///
    /// Everything is computed for the first frame and after a parameter has changed.
    /// - Throws: ``ProteanError`` when `x` does not fit, carries no values, or is not of the shape of the
    ///   stream's frames before.
    public func callAsFunction(
        _ x: Tensor, state: inout DeltaState
    ) throws(ProteanError) -> Tensor {
        try steps.run(x, &state, layer: place)
    }
}
