import Protean

/// ConvNet-AIG: a residual network whose blocks each decide from their input whether they run.
///
/// Veit, Belongie, "Convolutional Networks with Adaptive Inference Graphs", ECCV 2018, arXiv
/// 1711.11503, in inference. A passing row gets `relu(shortcut(x))`. The published code draws the
/// decisions at random in inference, too; here the larger score decides unless ``sampling`` says
/// otherwise. Input `[batch, 32, 32, 3]` or `[batch, 224, 224, 3]` (other sizes work), output
/// `[batch, classes]`.
///
/// Parameters as published: `conv1`, `bn1`, `layer{g}.{i}.{conv1, bn1, …, shortcut, fc1, fc1bn, fc2}`,
/// `linear`.
public final class ConvNetAIG: SkippingNetwork {
    /// The blocks in order.
    public let blocks: [SkipBlock]
    /// All parts under the published names.
    public let submodules: [NamedModule]
    /// The seed of random decisions, drawn with the gates' probabilities; nil lets the larger
    /// probability decide. Draws depend on the seed, the block and the row's number only.
    public let sampling: UInt64?

    private let entry: SkipStem
    private let gates: [AdaptiveInferenceGate]
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - backbone: the residual network.
    ///   - classes: size of the output; by default 10 or 1000.
    ///   - sampling: the seed of random decisions, or nil.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ backbone: SkipNet.Backbone, classes: Int? = nil, sampling: UInt64? = nil
    ) throws(ProteanError) {
        let plan = try SkipBackbone(backbone)
        entry = try plan.stem()
        self.sampling = sampling
        var parts = entry.parts
        var blocks: [SkipBlock] = [], gates: [AdaptiveInferenceGate] = []
        for unit in plan.units {
            let gate = try AdaptiveInferenceGate(channels: unit.inputs)
            let block = try unit.block(
                shortcutName: "shortcut", passActivation: .relu, more: gate.submodules)
            parts.append(NamedModule("layer\(unit.group + 1).\(unit.index)", block))
            blocks.append(block)
            gates.append(gate)
        }
        classifier = try Linear(
            inputFeatures: plan.features, outputFeatures: classes ?? plan.classes)
        submodules = parts + [NamedModule("linear", classifier)]
        self.blocks = blocks
        self.gates = gates
    }

    /// Convolution, norm and ReLU; for ImageNet a max pool behind.
    public func stem(_ x: Tensor) throws(ProteanError) -> Tensor { try entry(x) }

    /// Mean over the map and classifier.
    public func head(_ x: Tensor) throws(ProteanError) -> Tensor {
        try classifier(try GlobalAveragePool2d()(x))
    }

    /// Gates carry nothing.
    public func deciding(for x: Tensor) throws(ProteanError) {}

    /// The decision by the block's own gate.
    public func choice(
        forBlock index: Int, _ x: Tensor, state: inout Void
    ) throws(ProteanError) -> Choice? {
        let scores = try gates[index].scores(x)
        if x.isShapeOnly { return nil }
        let rule = sampling.map { Rule.sample(seed: $0, site: index) } ?? .argmax
        return try rule.choose(scores, layer: blocks[index].place)
    }
}
