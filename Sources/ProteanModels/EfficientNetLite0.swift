import Protean

/// EfficientNet-Lite0: EfficientNet-B0 without gates, with ReLU6 throughout.
///
/// Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv
/// 1905.11946, and the Lite variants published with its code. Parameters are named `_conv_stem`,
/// `_blocks.N._expand_conv` and so on, as in the PyTorch ports. Padding is TensorFlow's `same` and
/// batch norm's eps 1e-3, as for the published weights, unless given otherwise. Input
/// `[batch, height, width, 3]`, output `[batch, classes]`.
public final class EfficientNetLite0: Layer {
    // Expansion, channels, repeats, first stride, kernel size.
    private static let stages: [(Int, Int, Int, Int, Int)] = [
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
    ]

    private let stem, head: EfficientNetConv
    private let blocks: [EfficientNetLiteBlock]
    // The stem and the first block together: the largest map is the stem's.
    private let entry: FusedConv2dChain
    private let classifier: Linear

    /// Number of blocks of each stage.
    static let repeats = stages.map { $0.2 }

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - classes: size of the output.
    ///   - symmetricPadding: pad by half of the kernel on all sides, as timm's `efficientnet_lite0`
    ///     does, instead of TensorFlow's padding.
    ///   - eps: batch norm's eps.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        classes: Int = 1000, symmetricPadding: Bool = false, eps: Double = 1e-3
    ) throws(ProteanError) {
        let style = EfficientNetStyle(symmetricPadding: symmetricPadding, eps: eps)
        stem = try EfficientNetConv(
            from: 3, to: 32, kernel: 3, stride: 2, activation: .relu6, style: style)
        var blocks: [EfficientNetLiteBlock] = []
        var channels = 32
        for (expansion, width, repeats, stride, kernel) in Self.stages {
            for index in 0..<repeats {
                blocks.append(
                    try EfficientNetLiteBlock(
                        from: channels, to: width, kernel: kernel,
                        stride: index == 0 ? stride : 1, expansion: expansion, style: style))
                channels = width
            }
        }
        self.blocks = blocks
        entry = try FusedConv2dChain([stem.fused] + blocks[0].stages)
        head = try EfficientNetConv(
            from: channels, to: 1280, kernel: 1, activation: .relu6, style: style)
        classifier = try Linear(inputFeatures: 1280, outputFeatures: classes)
    }

    /// `_conv_stem`, `_bn0`, `_blocks.N`, `_conv_head`, `_bn1` and `_fc`.
    public var submodules: [NamedModule] {
        stem.named("_conv_stem", "_bn0")
            + blocks.enumerated().map { NamedModule("_blocks.\($0.offset)", $0.element) }
            + head.named("_conv_head", "_bn1") + [NamedModule("_fc", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try entry(x)
        for block in blocks.dropFirst() { y = try block(y) }
        return try classifier(try Operations.globalAveragePool(try head.fused(y)))
    }
}

/// The options in which the variants of the network differ.
struct EfficientNetStyle: Sendable {
    let symmetricPadding: Bool
    let eps: Double
}

/// A convolution that keeps the size except for its stride, its batch norm and activation.
struct EfficientNetConv: Sendable {
    let conv: Conv2d
    let norm: BatchNorm2d
    let fused: FusedConv2d

    init(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1,
        activation: Activation, style: EfficientNetStyle
    ) throws(ProteanError) {
        conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            stride: Size2d(stride),
            padding: style.symmetricPadding ? .symmetric(kernel / 2) : .same, groups: groups,
            bias: false)
        norm = try BatchNorm2d(channels: outputs, eps: style.eps)
        fused = try FusedConv2d(conv, norm, activation)
    }

    func named(_ convName: String, _ normName: String) -> [NamedModule] {
        [NamedModule(convName, conv), NamedModule(normName, norm)]
    }
}

/// Expand 1 × 1, depthwise, project 1 × 1; plus the input where shapes allow.
private final class EfficientNetLiteBlock: Layer {
    private let expand: EfficientNetConv?
    private let depthwise, project: EfficientNetConv
    private let chain: FusedConv2dChain
    private let adds: Bool
    /// The convolutions in order.
    let stages: [FusedConv2d]

    init(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int, expansion: Int,
        style: EfficientNetStyle
    ) throws(ProteanError) {
        let hidden = inputs * expansion
        expand =
            expansion == 1
            ? nil
            : try EfficientNetConv(
                from: inputs, to: hidden, kernel: 1, activation: .relu6, style: style)
        depthwise = try EfficientNetConv(
            from: hidden, to: hidden, kernel: kernel, stride: stride, groups: hidden,
            activation: .relu6, style: style)
        project = try EfficientNetConv(
            from: hidden, to: outputs, kernel: 1, activation: .identity, style: style)
        stages = (expand.map { [$0.fused] } ?? []) + [depthwise.fused, project.fused]
        chain = try FusedConv2dChain(stages)
        adds = stride == 1 && inputs == outputs
    }

    // The norms are numbered by position, the convolutions named by function.
    var submodules: [NamedModule] {
        (expand?.named("_expand_conv", "_bn0") ?? []) + depthwise.named("_depthwise_conv", "_bn1")
            + project.named("_project_conv", "_bn2")
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try chain(x, residual: adds ? x : nil)
    }
}
