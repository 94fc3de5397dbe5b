import Protean

/// EfficientNet-B0 whose last three stages mix experts per image.
///
/// Yang, Bender, Le, Ngiam, "CondConv: Conditionally Parameterized Convolutions for Efficient
/// Inference", arXiv 1904.04971, table 2: EfficientNet-B0 (Tan, Le, arXiv 1905.11946) with
/// ``CondConvBlock``s in the stages of 112, 192 and 320 channels. Parameters are named as timm's.
/// Input `[batch, height, width, 3]`, output `[batch, classes]`.
///
/// ```swift
/// let network = try EfficientNetCondConv(experts: 8)
/// ```
public final class EfficientNetCondConv: Layer {
    /// One stage: blocks of one form, the first of which may halve the map.
    private struct Stage {
        let repeats, kernel, stride, expansion, channels: Int
        var isMixed = false
    }

    private static let stages = [
        Stage(repeats: 1, kernel: 3, stride: 1, expansion: 1, channels: 16),
        Stage(repeats: 2, kernel: 3, stride: 2, expansion: 6, channels: 24),
        Stage(repeats: 2, kernel: 5, stride: 2, expansion: 6, channels: 40),
        Stage(repeats: 3, kernel: 3, stride: 2, expansion: 6, channels: 80),
        Stage(repeats: 3, kernel: 5, stride: 1, expansion: 6, channels: 112, isMixed: true),
        Stage(repeats: 4, kernel: 5, stride: 2, expansion: 6, channels: 192, isMixed: true),
        Stage(repeats: 1, kernel: 3, stride: 1, expansion: 6, channels: 320, isMixed: true),
    ]

    private let stem, head: EfficientNetConv
    private let blocks: [NamedModule]
    private let layers: [any Layer]
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - experts: experts per convolution of the last three stages.
    ///   - classes: size of the output.
    ///   - symmetricPadding: pad by half of the kernel on all sides, as timm's `efficientnet_cc_…` do;
    ///     false for TensorFlow's padding, as timm's `tf_efficientnet_cc_…`, which have the published
    ///     weights.
    ///   - eps: batch norm's eps; 1e-3 for the published weights.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        experts: Int, classes: Int = 1000, symmetricPadding: Bool = true, eps: Double = 1e-5
    ) throws(ProteanError) {
        let style = EfficientNetStyle(symmetricPadding: symmetricPadding, eps: eps)
        stem = try EfficientNetConv(
            from: 3, to: 32, kernel: 3, stride: 2, activation: .silu, style: style)
        var blocks: [NamedModule] = []
        var layers: [any Layer] = []
        var channels = 32
        for (position, stage) in Self.stages.enumerated() {
            for index in 0..<stage.repeats {
                let block = try Self.block(
                    stage, from: channels, stride: index == 0 ? stage.stride : 1,
                    experts: experts, style: style)
                blocks.append(NamedModule("blocks.\(position).\(index)", block))
                layers.append(block)
                channels = stage.channels
            }
        }
        self.blocks = blocks
        self.layers = layers
        head = try EfficientNetConv(
            from: channels, to: 1280, kernel: 1, activation: .silu, style: style)
        classifier = try Linear(inputFeatures: 1280, outputFeatures: classes)
    }

    private static func block(
        _ stage: Stage, from inputs: Int, stride: Int, experts: Int, style: EfficientNetStyle
    ) throws(ProteanError) -> any Layer {
        // The gate's width is a quarter of the block's input channels.
        guard stage.isMixed else {
            return try EfficientNetBlock(
                from: inputs, to: stage.channels, kernel: stage.kernel, stride: stride,
                expansion: stage.expansion, squeezeChannels: inputs / 4, style: style)
        }
        return try CondConvBlock(
            inputChannels: inputs, outputChannels: stage.channels, kernelSize: stage.kernel,
            stride: stride, padding: style.symmetricPadding ? .symmetric : .same,
            expansion: Double(stage.expansion), activation: .silu, squeezeChannels: inputs / 4,
            experts: experts, eps: style.eps)
    }

    /// `conv_stem`, `bn1`, `blocks.S.I`, `conv_head`, `bn2` and `classifier`.
    public var submodules: [NamedModule] {
        stem.named("conv_stem", "bn1") + blocks + head.named("conv_head", "bn2")
            + [NamedModule("classifier", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try stem.fused(x)
        for layer in layers { y = try layer(y) }
        return try classifier(try Operations.globalAveragePool(try head.fused(y)))
    }
}

/// Expand 1 × 1, depthwise, gate per channel, project 1 × 1; plus the input where shapes allow. A
/// block that does not expand begins with the depthwise convolution.
private final class EfficientNetBlock: Layer {
    private let expand: EfficientNetConv?
    private let depthwise, project: EfficientNetConv
    private let excitation: SqueezeExcitation
    private let entry: FusedConv2dChain
    private let adds: Bool

    init(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int, expansion: Int,
        squeezeChannels: Int, style: EfficientNetStyle
    ) throws(ProteanError) {
        let hidden = inputs * expansion
        expand =
            expansion == 1
            ? nil
            : try EfficientNetConv(
                from: inputs, to: hidden, kernel: 1, activation: .silu, style: style)
        depthwise = try EfficientNetConv(
            from: hidden, to: hidden, kernel: kernel, stride: stride, groups: hidden,
            activation: .silu, style: style)
        excitation = try SqueezeExcitation(
            channels: hidden, squeezeChannels: squeezeChannels, variant: .timmEfficientNet,
            activation: .silu)
        project = try EfficientNetConv(
            from: hidden, to: outputs, kernel: 1, activation: .identity, style: style)
        entry = try FusedConv2dChain((expand.map { [$0.fused] } ?? []) + [depthwise.fused])
        adds = stride == 1 && inputs == outputs
    }

    // Norms are numbered by position; the projection of a block that does not expand is `conv_pw`.
    var submodules: [NamedModule] {
        let gate = [NamedModule("se", excitation)]
        guard let expand else {
            return depthwise.named("conv_dw", "bn1") + gate + project.named("conv_pw", "bn2")
        }
        return expand.named("conv_pw", "bn1") + depthwise.named("conv_dw", "bn2") + gate
            + project.named("conv_pwl", "bn3")
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try project.fused(try excitation(try entry(x)), residual: adds ? x : nil)
    }
}
