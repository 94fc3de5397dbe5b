import Protean

/// SkipNet: a residual network with a gate behind every block, which decides from the block's output
/// whether the next block runs.
///
/// Wang, Yu, Dou, Darrell, Gonzalez, "SkipNet: Learning Dynamic Routing in Convolutional Networks",
/// ECCV 2018, arXiv 1711.09485, in inference. The first block always runs, and so do the shortcuts'
/// convolutions where size and channels change: a passing row gets their result without the ReLU.
/// Input `[batch, 32, 32, 3]` or `[batch, 224, 224, 3]` (other sizes work), output
/// `[batch, classes]`.
///
/// Parameters as published: `conv1`, `bn1`, `group{g}_layer{i}.{conv1, bn1, …, downsample}`,
/// `group{g}_gate{i}`, `control.rnn`, `control.proj`, `fc`. Published files hold each shortcut twice,
/// as `group{g}_ds{i}` too; the model has it once. The gate behind the last block has parameters and
/// is never asked.
///
/// ```swift
/// let network = try SkipNet(.cifar(depth: 38), gates: .recurrent)
/// let result = try network.skipping(x)
/// ```
public final class SkipNet: SkippingNetwork {
    /// The residual network.
    public enum Backbone: Sendable, Hashable {
        /// For 32 × 32 pixels: basic blocks of 16, 32 and 64 channels, 6 n + 2 layers.
        case cifar(depth: Int)
        /// For 224 × 224 pixels: 18, 34 (basic blocks), 50, 101 or 152 layers (bottlenecks).
        case imageNet(layers: Int)
    }

    /// What decides.
    public enum Gates: Sendable, Hashable {
        /// One ``FeedForwardGate`` behind each block.
        case feedForward(FeedForwardGate.Form)
        /// One ``RecurrentGate`` for all blocks, with an embedding behind each block.
        case recurrent
    }

    /// The blocks in order.
    public let blocks: [SkipBlock]
    /// The first block runs for every row.
    public let fixedBlocks = 1
    /// All parts under the published names.
    public let submodules: [NamedModule]

    private let entry: SkipStem
    private let gates: [any Layer]
    private let control: RecurrentGate?
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ backbone: Backbone, gates kind: Gates, classes: Int? = nil
    ) throws(ProteanError) {
        let plan = try SkipBackbone(backbone)
        entry = try plan.stem()
        var parts = entry.parts
        var blocks: [SkipBlock] = [], gates: [any Layer] = []
        for unit in plan.units {
            let block = try unit.block(shortcutName: "downsample")
            let gate: any Layer
            switch kind {
            case .feedForward(let form):
                gate = try FeedForwardGate(channels: unit.outputs, form: form)
            case .recurrent: gate = try RecurrentGate.embedding(channels: unit.outputs)
            }
            parts.append(NamedModule("group\(unit.group + 1)_layer\(unit.index)", block))
            parts.append(NamedModule("group\(unit.group + 1)_gate\(unit.index)", gate))
            blocks.append(block)
            gates.append(gate)
        }
        if kind == .recurrent {
            let isLarge = if case .imageNet = backbone { true } else { false }
            let gate = try RecurrentGate(projection: isLarge ? .convolution : .linear)
            parts.append(NamedModule("control", gate))
            control = gate
        } else {
            control = nil
        }
        classifier = try Linear(
            inputFeatures: plan.features, outputFeatures: classes ?? plan.classes)
        submodules = parts + [NamedModule("fc", classifier)]
        self.blocks = blocks
        self.gates = gates
    }

    /// Convolution, norm and ReLU; for ImageNet a max pool behind.
    public func stem(_ x: Tensor) throws(ProteanError) -> Tensor { try entry(x) }

    /// Mean over the map and classifier.
    public func head(_ x: Tensor) throws(ProteanError) -> Tensor {
        try classifier(try GlobalAveragePool2d()(x))
    }

    /// The state of the recurrent gate: zeros.
    public func deciding(for x: Tensor) throws(ProteanError) -> LSTMCell.State? {
        guard x.rank == 4 else { return nil }
        return try control?.initialState(for: [x.shape[0], 10])
    }

    /// The decision by the gate behind the block before.
    public func choice(
        forBlock index: Int, _ x: Tensor, state: inout LSTMCell.State?
    ) throws(ProteanError) -> Choice? {
        var scores = try gates[index - 1](x)
        if let control, var memory = state {
            scores = try control(scores, state: &memory)
            state = memory
        }
        return x.isShapeOnly ? nil : try Rule.argmax.choose(scores, layer: blocks[index].place)
    }
}
