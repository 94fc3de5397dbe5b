/// A convolution whose output channels are experts that an embedding of the image chooses.
///
/// `g = relu(gate · e)`, `y = g ⊙ conv(x)`: channels whose gate is 0 are not computed. Wang, Yu, Dunlap,
/// Ma, Wang, Mirhoseini, Darrell, Gonzalez, "Deep Mixture of Experts via Shallow Embedding", arXiv
/// 1806.01531.
///
/// Inputs x `[batch, height, width, in]` and e `[batch, embedding]`, output
/// `[batch, height', width', out]`. Parameters `conv.weight`, `gate.weight` `[out, embedding]`.
/// ``callAsFunction(_:embedding:)`` takes and gives maps of which only chosen channels exist. Cost: the
/// products between channels that exist, and embedding · out.
public final class DeepMoEConv2d: MultiInputLayer {
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv2d
    private let gate: Linear
    private let kernel: SelectedKernel

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: number of experts.
    ///   - kernelSize: height and width of the kernel.
    ///   - stride: step in input pixels.
    ///   - padding: zeros around the input.
    ///   - embedding: features of the embedding.
    ///   - seed: for the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, embedding: Int, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(embedding, "embedding", layer: "DeepMoEConv2d")
        conv = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, bias: false, seed: seed)
        gate = try Linear(
            inputFeatures: embedding, outputFeatures: outputChannels, bias: false,
            seed: seed &+ 1)
        kernel = try SelectedKernel(conv, nil)
    }

    /// `conv` and `gate`.
    public var submodules: [NamedModule] {
        [NamedModule("conv", conv), NamedModule("gate", gate)]
    }

    /// `embedding`.
    public var inputNames: [String] { ["embedding"] }

    /// The convolution's.
    public var channelFlow: ChannelFlow {
        .fixed(input: conv.geometry.inputChannels, output: conv.geometry.outputChannels)
    }

    /// The dense map, zeros where experts are not chosen.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        try Shape.checkMap(x.shape, channels: conv.geometry.inputChannels, layer: place)
        let y: Tensor
        if x.isShapeOnly || inputs[0].isShapeOnly {
            try check(embedding: inputs[0], batch: x.shape[0])
            _ = try gate(try Tensor(shapeOnly: inputs[0].shape))
            y = try conv(try Tensor(shapeOnly: x.shape))
        } else {
            y = try callAsFunction(SelectedMap(x), embedding: inputs[0]).map()
        }
        return epilogue.parts.isEmpty ? y : try epilogue.applied(to: y, layer: place)
    }

    /// The chosen channels of every sample.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: SelectedMap, embedding: Tensor
    ) throws(ProteanError) -> SelectedMap {
        guard x.channels == conv.geometry.inputChannels else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, height, width, \(conv.geometry.inputChannels)]",
                found: [x.batch] + x.size)
        }
        try check(embedding: embedding, batch: x.batch)
        let count = conv.geometry.outputChannels
        let choice = try DecisionSource.decide(site: place, batch: x.batch, actions: count) {
            () throws(ProteanError) in
            try Rule.nonzero.choose(try gate(embedding, activation: .relu), layer: place)
        }
        let rows = choice.picks.map { picks in
            SelectedKernel.Row(
                channels: picks.count == count ? nil : picks.map(\.action),
                gates: picks.map(\.weight), gatesShift: true)
        }
        return try kernel.run(
            x, rows, activation: .identity, name: "DeepMoEConv2d", label: label, layer: place)
    }

    private func check(embedding: Tensor, batch: Int) throws(ProteanError) {
        guard embedding.shape == [batch, gate.inputFeatures] else {
            throw .shapeMismatch(
                layer: place, tensor: "embedding", expected: "\([batch, gate.inputFeatures])",
                found: embedding.shape)
        }
    }
}
