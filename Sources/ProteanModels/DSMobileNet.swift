import Protean

/// DS-Net: a slimmable MobileNet whose width behind the first stages a gate chooses for each image.
///
/// Li, Wang, Wang, Liang, Li, Chang, "Dynamic Slimmable Network", arXiv 2103.13258, in the form of the
/// paper's code (`slimmable_mbnet_v1_bn_uniform`): a stem, five stages of depthwise separable convolutions
/// with squeeze-and-excitation in between and swish, statistics of batch norms per width. The first three
/// stages run at their smaller width. A gate in the fourth reads the reduced means of its first block's
/// depthwise result and chooses one of the first ``gateChoices`` of 14 widths, which the rest of the network
/// keeps. Input `[batch, height, width, 3]`, output `[batch, classes]`. Parameters under the code's
/// names: `conv_stem`, `bn1.aux_bn.{i}`, `blocks.{s}.first_block.*`, `blocks.{s}.residual_blocks.{i}.*`
/// with `conv_dw`, `bn1`, `gate.{conv_reduce,conv_expand,gate.0}`, `conv_pw`, `bn2`, and `classifier`.
///
/// The reference's gate adds Gumbel noise in evaluation, too; here the largest score decides. Rows of one
/// width run together and get the bits they would get alone.
public final class DSMobileNet: Layer {
    /// Widths, layers and stride of each stage.
    private static let stages: [(widths: [Int], layers: Int, stride: Int)] = [
        ([32, 88], 1, 1), ([48, 168], 2, 2), ([96, 264], 2, 2),
        (Array(stride(from: 224, through: 640, by: 32)), 6, 2),
        (Array(stride(from: 736, through: 1152, by: 32)), 2, 2),
    ]

    /// Number of widths that the network can run at: each is one of the supernet's sub-networks.
    public static let widths = 14
    /// Number of widths among which the gate chooses, from the smallest.
    public static let gateChoices = 4

    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let stem: SlimmableConv2d
    private let blocks: [[DSMobileNetBlock]]
    private let classifier: DynamicLinear

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = 1000) throws(ProteanError) {
        stem = try SlimmableConv2d(
            inputs: [3], outputs: [16, 24], kernelSize: 3, stride: 2, padding: 1, hasNorm: true,
            activation: .silu)
        var blocks: [[DSMobileNetBlock]] = [], widths = [16, 24]
        for (index, stage) in Self.stages.enumerated() {
            var own: [DSMobileNetBlock] = []
            for layer in 0..<stage.layers {
                own.append(
                    try DSMobileNetBlock(
                        inputs: widths, outputs: stage.widths,
                        stride: layer == 0 ? stage.stride : 1,
                        choices: index == 3 && layer == 0 ? Self.gateChoices : 0))
                widths = stage.widths
            }
            blocks.append(own)
        }
        self.blocks = blocks
        classifier = try DynamicLinear(
            inputFeatures: widths[widths.count - 1], outputFeatures: classes)
    }

    /// `conv_stem`, `bn1`, `blocks` and `classifier`.
    public var submodules: [NamedModule] {
        stem.named("conv_stem", "bn1")
            + blocks.enumerated().flatMap { stage, own in
                own.enumerated().map { index, block in
                    NamedModule(
                        "blocks.\(stage)."
                            + (index == 0 ? "first_block" : "residual_blocks.\(index - 1)"),
                        block)
                }
            } + [NamedModule("classifier", classifier)]
    }

    /// The classes' logits, each row at the width that the gate chose; for a tensor without values at
    /// the widest of the gate's choices.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let gated = try attended(x, isWidest: false)
        let batch = x.shape[0], actions = Self.gateChoices
        if x.isShapeOnly {
            _ = try blocks[3][0].scores(gated.reduced)
            return try rest(gated.map, width: actions - 1)
        }
        let choice = try DecisionSource.decide(site: place, batch: batch, actions: actions) {
            () throws(ProteanError) in
            try Rule.argmax.choose(try blocks[3][0].scores(gated.reduced), layer: place)
        }
        let keys = choice.picks.map { $0.last?.action ?? 0 }
        var logits = try Tensor(zeros: [batch, classifier.outputFeatures])
        for (width, rows) in try RowPlan.buckets(of: keys, count: actions).enumerated()
        where !rows.isEmpty {
            let own = try Operations.gatherRows(gated.map, rows)
            let found = try RowScope.with(rows) { () throws(ProteanError) in
                try rest(own, width: width)
            }
            try Operations.scatterRows(found, rows, into: &logits)
        }
        return logits
    }

    /// The logits at one of ``widths``, 0 the narrowest; all rows. The first stages run at their smaller
    /// width, as everywhere but in ``largest(_:)``.
    ///
    /// - Throws: ``ProteanError`` when `x` or the width does not fit.
    public func callAsFunction(_ x: Tensor, width: Int) throws(ProteanError) -> Tensor {
        guard (0..<Self.widths).contains(width) else {
            throw .invalidOption(
                layer: place, option: "width", expected: "0..<\(Self.widths)", found: "\(width)")
        }
        return try rest(try attended(x, isWidest: false).map, width: width)
    }

    /// The logits of the whole supernet, every layer at its largest width.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func largest(_ x: Tensor) throws(ProteanError) -> Tensor {
        try rest(try attended(x, isWidest: true).map, width: Self.widths - 1)
    }

    /// All up to the decision: the fourth stage's first block before its pointwise convolution, and the
    /// reduced means that its gate reads.
    private func attended(
        _ x: Tensor, isWidest: Bool
    ) throws(ProteanError) -> (map: Tensor, reduced: Tensor) {
        let at = isWidest ? 1 : 0
        var y = try stem(x, width: stem.outputs[at])
        for stage in 0..<3 {
            for block in blocks[stage] {
                y = try block.expand(try block.attend(y).map, width: Self.stages[stage].widths[at])
            }
        }
        return try blocks[3][0].attend(y)
    }

    private func rest(_ x: Tensor, width: Int) throws(ProteanError) -> Tensor {
        var y = try blocks[3][0].expand(x, width: Self.stages[3].widths[width])
        for block in blocks[3].dropFirst() {
            y = try block.expand(try block.attend(y).map, width: Self.stages[3].widths[width])
        }
        for block in blocks[4] {
            y = try block.expand(try block.attend(y).map, width: Self.stages[4].widths[width])
        }
        let means = try Operations.globalAveragePool(y)
        return try classifier(
            means, prefix: classifier.outputFeatures, inputs: means.shape[1])
    }
}

/// Depthwise convolution, squeeze-and-excitation, pointwise convolution; on request a gate that reads
/// the reduced means.
final class DSMobileNetBlock: Module {
    private let depthwise, pointwise: SlimmableConv2d
    private let reduce, expansion: SlimmableConv2d
    private let gate: Conv2d?
    let label: Label? = Label()

    init(inputs: [Int], outputs: [Int], stride: Int, choices: Int) throws(ProteanError) {
        depthwise = try SlimmableConv2d(
            inputs: inputs, kernelSize: 3, stride: Size2d(stride), padding: 1, hasNorm: true,
            activation: .silu)
        pointwise = try SlimmableConv2d(
            inputs: inputs, outputs: outputs, kernelSize: 1, hasNorm: true, activation: .silu)
        let reduced = Self.quarter(inputs[inputs.count - 1])
        reduce = try SlimmableConv2d(
            inputs: inputs, outputs: [reduced], kernelSize: 1, bias: true, activation: .relu)
        expansion = try SlimmableConv2d(
            inputs: [reduced], outputs: inputs, kernelSize: 1, bias: true, activation: .sigmoid)
        gate =
            choices == 0
            ? nil
            : try Conv2d(
                inputChannels: reduced, outputChannels: choices, kernelSize: 1, bias: false)
    }

    /// A quarter, rounded to a whole number as the reference's `make_divisible`.
    private static func quarter(_ channels: Int) -> Int {
        let value = Double(channels) * 0.25
        let rounded = max(1, Int(value + 0.5))
        return Double(rounded) < 0.9 * value ? rounded + 1 : rounded
    }

    var submodules: [NamedModule] {
        var parts = depthwise.named("conv_dw", "bn1")
        parts += reduce.named("gate.conv_reduce") + expansion.named("gate.conv_expand")
        if let gate { parts.append(NamedModule("gate.gate.0", gate)) }
        return parts + pointwise.named("conv_pw", "bn2")
    }

    /// The attended depthwise result and the reduced means, `[batch, 1, 1, reduced]`.
    func attend(_ x: Tensor) throws(ProteanError) -> (map: Tensor, reduced: Tensor) {
        let y = try depthwise(x, width: x.shape[3])
        let means = try Operations.globalAveragePool(y)
            .reshaped(to: [y.shape[0], 1, 1, y.shape[3]])
        let reduced = try reduce(means, width: reduce.outputs[0])
        let gates = try expansion(reduced, width: y.shape[3])
        let map = try Operations.scaleChannels(y, by: gates)
        return (map, reduced)
    }

    /// The scores of the widths, `[batch, choices]`.
    func scores(_ reduced: Tensor) throws(ProteanError) -> Tensor {
        guard let gate else { throw .noValues(layer: place) }
        return try gate(reduced)
            .reshaped(to: [reduced.shape[0], gate.geometry.outputChannels])
    }

    /// The pointwise convolution at one width.
    func expand(_ x: Tensor, width: Int) throws(ProteanError) -> Tensor {
        try pointwise(x, width: width)
    }
}

/// `ds_mobilenet` under the keys of the paper's code.
struct DSMobileNetPlugin: ModelPlugin {
    let name = "ds_mobilenet"
    let summary = "DS-Net, a slimmable MobileNet with a gate for ImageNet (arXiv 2103.13258)"
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }
    let landmarkKeys = [
        "bn1.aux_bn.0.running_mean", "blocks.3.first_block.gate.gate.0.weight",
        "blocks.4.residual_blocks.0.bn2.aux_bn.13.weight",
    ]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try DSMobileNet(
            classes: try configuration.integer("num_classes", default: 1000))
    }
}
