/// A convolution whose channels are split among stages that are computed one after the other.
///
/// Stage i computes the output channels that it owns from its own input channels and those of the
/// earlier stages that it reuses:
/// `y_i = conv(concat(x_j : reuse[i][j]), weight_i) + bias_i`. What later stages need is kept, so no
/// channel is computed twice, and leaving after stage i costs
/// `kernel area · height' · width' · Σ_{k ≤ i} |out_k| · Σ_j reuse[k][j] · |in_j|` multiply-adds per
/// sample. Layer of S2DNAS (arXiv 1911.07033).
///
/// The whole layer equals one dense convolution whose weight is masked by the block pattern, with
/// the direct algorithm bit for bit (for finite inputs and more than eight channels in every stage).
///
/// Input `[batch, height, width, in]`, output `[batch, height', width', out]`; the stages' channels
/// lie one after the other. Parameters `stages.{i}.weight`
/// `[out_i, Σ_j |in_j|, kernel, kernel]` and `stages.{i}.bias` `[out_i]`. Calls that concatenate the
/// inputs of a stage read and write these once more.
public final class StagedConv2d: Layer {
    /// How input and output channels are split.
    public let splits: ChannelSplits
    /// Which earlier stages each stage reads.
    public let reuse: ReuseMatrix
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let inputs: [Range<Int>]
    private let convolutions: [FusedConv2d]
    /// `stages.{i}`.
    public let submodules: [NamedModule]

    /// Number of channels of the input.
    public var inputChannels: Int { inputs.last?.upperBound ?? 0 }

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: all stages' input channels, a multiple of the splits' groups.
    ///   - outputChannels: all stages' output channels, a multiple of the splits' groups.
    ///   - kernelSize: height and width of the kernel.
    ///   - stride: step in input pixels.
    ///   - padding: zeros around the input.
    ///   - bias: whether a bias is added.
    ///   - splits: how both are split.
    ///   - reuse: which earlier stages each stage reads.
    ///   - algorithm: of every stage.
    ///   - seed: for the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, bias: Bool = true, splits: ChannelSplits, reuse: ReuseMatrix,
        algorithm: Conv2dAlgorithm = .automatic, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "StagedConv2d"
        guard reuse.stages == splits.stages else {
            throw .invalidOption(
                layer: layer, option: "reuse", expected: "\(splits.stages) stages, as the splits",
                found: "\(reuse.stages)")
        }
        try checkChannels(inputChannels, "inputChannels", layer: layer)
        try checkChannels(outputChannels, "outputChannels", layer: layer)
        let inputs = try splits.ranges(of: inputChannels, layer: layer)
        let outputs = try splits.ranges(of: outputChannels, layer: layer)
        var convs: [Conv2d] = []
        for (i, owned) in outputs.enumerated() {
            convs.append(
                try Conv2d(
                    inputChannels: reuse.sources(of: i).reduce(0) { $0 + inputs[$1].count },
                    outputChannels: owned.count, kernelSize: kernelSize, stride: stride,
                    padding: padding, bias: bias, algorithm: algorithm, seed: seed &+ UInt64(i)))
        }
        self.splits = splits
        self.reuse = reuse
        self.inputs = inputs
        var fused: [FusedConv2d] = []
        for conv in convs { fused.append(try FusedConv2d(conv)) }
        convolutions = fused
        submodules = convs.enumerated().map { NamedModule("stages.\($0.offset)", $0.element) }
    }

    /// ``inputChannels`` in, all stages' channels out.
    public var channelFlow: ChannelFlow {
        .fixed(
            input: inputChannels,
            output: convolutions.reduce(0) { $0 + $1.conv.geometry.outputChannels })
    }

    /// All stages.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: inputChannels, layer: place)
        let parts = try Operations.split(x, sizes: inputs.map(\.count), axis: 3)
        var outputs: [Tensor] = []
        for i in parts.indices { outputs.append(try stage(i, from: Array(parts[...i]))) }
        return outputs.count == 1 ? outputs[0] : try Operations.concatenate(outputs, axis: 3)
    }

    /// The channels that one stage owns.
    ///
    /// - Parameters:
    ///   - stage: the stage, from 0.
    ///   - maps: the inputs of the stages 0…`stage`, `[batch, height, width, |in_j|]`. Those that the
    ///     stage does not reuse are not read.
    /// - Returns: `[batch, height', width', |out_stage|]`.
    /// - Throws: ``ProteanError`` when there is no such stage or a map does not fit.
    public func stage(_ stage: Int, from maps: [Tensor]) throws(ProteanError) -> Tensor {
        try checkOption(stage, "stage", in: 0...splits.stages - 1, layer: place)
        guard maps.count > stage else {
            throw .invalidOption(
                layer: place, option: "maps", expected: "\(stage + 1), one per stage",
                found: "\(maps.count)")
        }
        let sources = reuse.sources(of: stage)
        for j in sources {
            try Shape.checkMap(maps[j].shape, channels: inputs[j].count, layer: place)
        }
        return try convolutions[stage](concatenating: sources.map { maps[$0] })
    }
}
