/// Turns a static network into one with exits over its channels.
///
/// The channels of every layer are split among stages; stage i computes its own channels from its own
/// and, where a ``ReuseMatrix`` says so, earlier stages' channels, and ends in a classifier that
/// reads the means of all channels so far. No channel is computed twice. Weights are slices of the
/// static network's, so the weights from later to earlier stages are lost: a converted network is
/// trained before it is used. With full reuse the last stage has the static network's width, and
/// equals it with weights masked by the block pattern. Yuan, Wu, Sun, Liang, Zhao, Bi, "S2DNAS:
/// Transforming Static CNN Model for Dynamic Inference via Neural Architecture Search", arXiv
/// 1911.07033.
///
/// Steps that mix no channels (pools, norms, depthwise convolutions) keep each stage's channels;
/// parameter-free shortcuts pad every stage's channels on their own.
public enum Staging {
    /// Multiply-adds of one sample in the stages of a converted network.
    public struct Costs: Sendable, Equatable {
        /// Of each stage's convolutions: k² · height · width · |out| · Σ |in|.
        public let stages: [Int]
        /// Of each stage's classifier.
        public let heads: [Int]

        /// Of leaving after each stage, all classifiers on the way included.
        public var cumulative: [Int] {
            var sum = 0
            return zip(stages, heads).map {
                sum += $0 + $1; return sum
            }
        }
    }

    /// The cost of a converted network by the formula, without building it.
    ///
    /// - Parameters:
    ///   - network: the static network.
    ///   - plan: how it is split.
    ///   - size: height and width of the image.
    /// - Throws: ``ProteanError`` when the network or the image does not suit the plan.
    public static func costs(
        of network: some StageableNetwork, plan: StagingPlan, image size: Size2d
    ) throws(ProteanError) -> Costs {
        let blueprint = try network.blueprint()
        let layout = try StagingLayout(blueprint, plan)
        var stages = [Int](repeating: 0, count: plan.stages)
        var sizes: [Size2d] = []
        for (index, step) in blueprint.steps.enumerated() {
            let from = step.inputs[0] < 0 ? size : sizes[step.inputs[0]]
            let output = try step.operation.size(of: from)
            sizes.append(output)
            guard case .convolution(let conv, _, _) = step.operation else { continue }
            let kernel = conv.geometry.kernelSize
            for i in stages.indices {
                let reads = conv.geometry.groups > 1 ? 1 : layout.inputs(of: index, stage: i).count
                stages[i] +=
                    kernel.height * kernel.width * output.height * output.width
                    * layout.channels[index][i].count * reads
            }
        }
        var read = 0
        let heads = (layout.channels.last ?? []).map { owned in
            read += owned.count
            return read * blueprint.classifier.outputFeatures
        }
        return Costs(stages: stages, heads: heads)
    }

    /// The network with one exit per stage, on slices of the static network's weights.
    ///
    /// Parameters: `stages.{i}.` and the path in the static network, `heads.{i}.weight` and `.bias`.
    /// - Throws: ``ProteanError`` when the network does not suit the plan; the error names the layer.
    public static func convert(
        _ network: some StageableNetwork, plan: StagingPlan, narrowBelow: Double = 1
    ) throws(ProteanError) -> ExitNetwork {
        let (stages, heads) = try parts(of: network, plan: plan)
        return try ExitNetwork(
            parts: stages.enumerated().map { NamedModule("stages.\($0.offset)", $0.element) }
                + heads.enumerated().map { NamedModule("heads.\($0.offset)", $0.element.linear) },
            stages: stages, heads: heads, narrowBelow: narrowBelow)
    }

    /// The stages and heads of a converted network.
    static func parts(
        of network: some StageableNetwork, plan: StagingPlan
    ) throws(ProteanError) -> (stages: [StagedStage], heads: [StagedHead]) {
        let layout = try StagingLayout(try network.blueprint(), plan)
        var stages: [StagedStage] = [], heads: [StagedHead] = []
        for stage in 0..<plan.stages {
            stages.append(try StagedStage(layout, stage: stage))
            heads.append(try StagedHead(layout, stage: stage))
        }
        return (stages, heads)
    }
}

extension NetworkBlueprint.Operation {
    /// The size of the result for a map of size `size`.
    fileprivate func size(of size: Size2d) throws(ProteanError) -> Size2d {
        let shape: [Int]
        switch self {
        case .convolution(let conv, _, _):
            let input = [1, size.height, size.width, conv.geometry.inputChannels]
            shape = try conv.plan(for: input).outputShape
        case .maxPool(let window):
            shape = try Operations.maxPool2d(
                Tensor(shapeOnly: [1, size.height, size.width, 1]), window
            )
            .shape
        case .averagePool(let window):
            shape = try Operations.avgPool2d(
                Tensor(shapeOnly: [1, size.height, size.width, 1]), window
            )
            .shape
        case .padChannels(let stride, _):
            return Size2d(
                height: (size.height + stride - 1) / stride,
                width: (size.width + stride - 1) / stride)
        case .norm, .concatenate: return size
        }
        return Size2d(height: shape[1], width: shape[2])
    }
}
