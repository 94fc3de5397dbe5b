import Protean

/// BlockDrop: a small policy network sees the image once and decides which blocks of a residual
/// network run.
///
/// Wu, Nagarajan, Kumar, Rennie, Davis, Grauman, Feris, "BlockDrop: Dynamic Inference Paths in Residual
/// Networks", CVPR 2018, arXiv 1711.08393, in inference. Block k runs where its probability
/// `σ(logit_k)` is at least one half. Shortcuts are computed for every row, and a passing row gets
/// their result without the ReLU. Input `[batch, 32, 32, 3]` or `[batch, 224, 224, 3]`, output
/// `[batch, classes]`.
///
/// Parameters under the names of the published files' two parts: `resnet.conv1`, `resnet.bn1`,
/// `resnet.blocks.{g}.{i}`, `resnet.ds.{g}`, `resnet.fc`; `agent.features` with the same names,
/// `agent.logit`, and `agent.vnet`, which only training reads.
public final class BlockDrop: SkippingNetwork {
    /// The blocks in order.
    public let blocks: [SkipBlock]
    /// `resnet` and `agent`.
    public let submodules: [NamedModule]
    /// The policy network decides on all blocks.
    public let decidesAhead = true
    /// The policy network.
    public let policy: BlockDropPolicy

    private let network: FlatResNet

    /// What the policy has said in one call.
    public struct Deciding: Sendable {
        fileprivate let image: Tensor
        fileprivate var probabilities: Tensor?
    }

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - backbone: the residual network.
    ///   - classes: size of the output; by default 10 or 1000.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ backbone: SkipNet.Backbone, classes: Int? = nil
    ) throws(ProteanError) {
        let plan = try SkipBackbone(backbone)
        let isLarge = if case .imageNet = backbone { true } else { false }
        network = try FlatResNet(plan, isLarge: isLarge, classes: classes ?? plan.classes)
        policy = try BlockDropPolicy(decisions: plan.units.count, isLarge: isLarge)
        blocks = network.blocks
        submodules = [NamedModule("resnet", network), NamedModule("agent", policy)]
    }

    /// Convolution, norm and ReLU; for ImageNet a max pool behind.
    public func stem(_ x: Tensor) throws(ProteanError) -> Tensor { try network.entry(x) }

    /// Mean over the map and classifier.
    public func head(_ x: Tensor) throws(ProteanError) -> Tensor { try network.head(x) }

    /// The image, of which the policy is asked at the first decision.
    public func deciding(for x: Tensor) throws(ProteanError) -> Deciding { Deciding(image: x) }

    /// The decision by the policy network.
    public func choice(
        forBlock index: Int, _ x: Tensor, state: inout Deciding
    ) throws(ProteanError) -> Choice? {
        let known: Tensor
        if let given = state.probabilities {
            known = given
        } else {
            known = try policy(state.image)
            state.probabilities = known
        }
        if x.isShapeOnly { return nil }
        let runs = try Rule.atLeast(0.5).choose(
            try known.slice(axis: 1, from: index, to: index + 1), layer: blocks[index].place)
        return try Choice(
            actions: 2,
            picks: runs.picks.map {
                [Choice.Pick(action: $0.isEmpty ? SkipBlock.pass : SkipBlock.run)]
            }, scores: runs.scores)
    }
}

/// The policy network of ``BlockDrop``: a residual network of one block per group and a linear layer
/// with a sigmoid, `[batch, height, width, 3]` to the probability that each block runs,
/// `[batch, blocks]`.
///
/// Large images are first averaged over 2 × 2 pixels. Parameters `features`, `logit`, and `vnet`,
/// which inference does not read.
public final class BlockDropPolicy: Layer {
    /// Where the policy stands in a model.
    public let label: Label? = Label()
    /// `features`, `logit`, `vnet`.
    public let submodules: [NamedModule]

    private let features: FlatResNet
    private let logit: Linear
    private let halving: AvgPool2d?

    init(decisions: Int, isLarge: Bool) throws(ProteanError) {
        let plan = SkipBackbone(
            [Int](repeating: 1, count: isLarge ? 4 : 3), .basic, from: isLarge ? 64 : 16,
            isLarge: isLarge)
        features = try FlatResNet(plan, isLarge: isLarge, classes: nil)
        logit = try Linear(inputFeatures: plan.features, outputFeatures: decisions)
        halving = isLarge ? try AvgPool2d(kernelSize: 2) : nil
        submodules = [
            NamedModule("features", features), NamedModule("logit", logit),
            NamedModule("vnet", try Linear(inputFeatures: plan.features, outputFeatures: 1)),
        ]
    }

    /// The probabilities.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let image = try halving?(x) ?? x
        return try logit(try features.pooled(image), activation: .sigmoid)
    }
}

/// A residual network whose blocks and shortcuts are listed apart: `blocks.{g}.{i}`, `ds.{g}`.
private final class FlatResNet: Module {
    let entry: SkipStem
    let blocks: [SkipBlock]
    let submodules: [NamedModule]
    private let classifier: Linear?

    init(_ plan: SkipBackbone, isLarge: Bool, classes: Int?) throws(ProteanError) {
        entry = try plan.stem()
        var parts = entry.parts, owned: [NamedModule] = []
        var blocks: [SkipBlock] = []
        for unit in plan.units {
            var shortcut: (any Layer)?
            if unit.changes {
                let layer = try Self.shortcut(unit, isLarge: isLarge)
                owned.append(NamedModule("ds.\(unit.group)", layer))
                shortcut = layer
            }
            let block = try unit.block(shortcut: shortcut)
            parts.append(NamedModule("blocks.\(unit.group).\(unit.index)", block))
            blocks.append(block)
        }
        parts += owned
        if let classes {
            let layer = try Linear(inputFeatures: plan.features, outputFeatures: classes)
            parts.append(NamedModule("fc", layer))
            classifier = layer
        } else {
            classifier = nil
        }
        self.blocks = blocks
        submodules = parts
    }

    private static func shortcut(
        _ unit: SkipBackbone.Unit, isLarge: Bool
    ) throws(ProteanError) -> any Layer {
        if isLarge {
            return try SkipBlock.projection(
                from: unit.inputs, to: unit.outputs, stride: unit.stride)
        }
        return try AveragedPadding(stride: unit.stride, zeros: unit.outputs - unit.inputs)
    }

    /// The mean over the map behind the last block, `[batch, channels]`, every block running.
    func pooled(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try entry(x)
        for block in blocks { try block.apply(to: &y, running: RowPlan(all: y.shape[0])) }
        return try GlobalAveragePool2d()(y)
    }

    func head(_ x: Tensor) throws(ProteanError) -> Tensor {
        let means = try GlobalAveragePool2d()(x)
        guard let classifier else { return means }
        return try classifier(means)
    }
}

/// The mean over `stride` × `stride` pixels, with zeros as further channels behind.
private struct AveragedPadding: Layer {
    private let pool: AvgPool2d
    private let zeros: Int

    init(stride: Int, zeros: Int) throws(ProteanError) {
        pool = try AvgPool2d(kernelSize: Size2d(stride))
        self.zeros = zeros
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.pad(try pool(x), channelsAfter: zeros)
    }
}
