import Protean

/// The network that ships with the package: every kind of dynamic layer on 28 × 28 grey images.
///
/// A stem, a depthwise-separable block with ``DynamicReLU``, an inverted residual with
/// ``SqueezeExcitation``, two wide inverted residuals that choose the pixels at which they compute
/// (``DynConvInvertedResidual``), two inverted residuals with ``CondConv2d`` whose four experts are
/// mixed per image, and a linear classifier on the means of the last map: some 153,000 parameters
/// and 10.5 million multiply-adds, about half of which are executed. Trained by this project on
/// Fashion-MNIST; blocks and keys are named as in timm's EfficientNets and DynConv. Input
/// `[batch, 28, 28, 1]`, output `[batch, 10]`.
public final class ProteanTiny: Layer {
    /// Whether the gated blocks compute all pixels.
    public let isDense: Bool

    private let stemConv, headConv: Conv2d
    private let stemNorm, headNorm: BatchNorm2d
    private let stem, head: FusedConv2d
    private let blocks: [(name: String, block: any Layer)]
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - classes: number of outputs.
    ///   - dense: whether the gated blocks compute all pixels, independently of their gates; for
    ///     comparisons.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = 10, dense: Bool = false) throws(ProteanError) {
        isDense = dense
        stemConv = try Conv2d(
            inputChannels: 1, outputChannels: 16, kernelSize: 3, padding: 1, bias: false)
        stemNorm = try BatchNorm2d(channels: 16)
        stem = try FusedConv2d(stemConv, stemNorm, .hardSwish)
        blocks = [
            ("blocks.0.0", try DepthwiseSeparable(channels: 16)),
            ("blocks.1.0", try InvertedResidual(from: 16, over: 32, to: 32, squeeze: 8, stride: 2)),
            ("blocks.1.1", try Self.gated(seed: 11)), ("blocks.1.2", try Self.gated(seed: 12)),
            ("blocks.2.0", try CondConvResidual(from: 32, over: 96, to: 48, squeeze: 8, stride: 2)),
            ("blocks.2.1", try CondConvResidual(from: 48, over: 144, to: 48, squeeze: 12)),
        ]
        headConv = try Conv2d(
            inputChannels: 48, outputChannels: 128, kernelSize: 1, bias: false)
        headNorm = try BatchNorm2d(channels: 128)
        head = try FusedConv2d(headConv, headNorm, .hardSwish)
        classifier = try Linear(inputFeatures: 128, outputFeatures: classes)
    }

    private static func gated(seed: UInt64) throws(ProteanError) -> DynConvInvertedResidual {
        try DynConvInvertedResidual(channels: 32, expandRatio: 8, maskUnit: .squeeze, seed: seed)
    }

    /// `conv_stem`, `bn1`, `blocks.S.B`, `conv_head`, `bn2` and `classifier`.
    public var submodules: [NamedModule] {
        [NamedModule("conv_stem", stemConv), NamedModule("bn1", stemNorm)]
            + blocks.map { NamedModule($0.name, $0.block) }
            + [
                NamedModule("conv_head", headConv), NamedModule("bn2", headNorm),
                NamedModule("classifier", classifier),
            ]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try stem(x)
        for (_, block) in blocks {
            if isDense, let gated = block as? DynConvInvertedResidual {
                y = try gated.dense(y)
            } else {
                y = try block(y)
            }
        }
        return try classifier(try Operations.globalAveragePool(try head(y)))
    }
}

/// x + bn2(conv_pw(act1(bn1(conv_dw(x))))), the activation being a dynamic ReLU.
private final class DepthwiseSeparable: Layer {
    private let depthwise, pointwise: Conv2d
    private let bn1, bn2: BatchNorm2d
    private let first, second: FusedConv2d
    private let act1: DynamicReLU

    init(channels: Int) throws(ProteanError) {
        depthwise = try Conv2d(
            inputChannels: channels, outputChannels: channels, kernelSize: 3, padding: 1,
            groups: channels, bias: false)
        pointwise = try Conv2d(
            inputChannels: channels, outputChannels: channels, kernelSize: 1, bias: false)
        bn1 = try BatchNorm2d(channels: channels)
        bn2 = try BatchNorm2d(channels: channels)
        first = try FusedConv2d(depthwise, bn1)
        second = try FusedConv2d(pointwise, bn2)
        act1 = try DynamicReLU(channels: channels, reduction: 4)
    }

    var submodules: [NamedModule] {
        [
            NamedModule("conv_dw", depthwise), NamedModule("bn1", bn1),
            NamedModule("act1", act1), NamedModule("conv_pw", pointwise),
            NamedModule("bn2", bn2),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try second(try act1(try first(x)), residual: x)
    }
}

/// bn3(conv_pwl(se(act2(bn2(conv_dw(act1(bn1(conv_pw(x))))))))), plus x where shapes allow; both
/// activations are hard-swish.
private final class InvertedResidual: Layer {
    private let expand, depthwise, project: Conv2d
    private let bn1, bn2, bn3: BatchNorm2d
    private let first, second, third: FusedConv2d
    private let gate: SqueezeExcitation
    private let adds: Bool

    init(
        from inputs: Int, over hidden: Int, to outputs: Int, squeeze: Int, stride: Int = 1
    ) throws(ProteanError) {
        expand = try Conv2d(
            inputChannels: inputs, outputChannels: hidden, kernelSize: 1, bias: false)
        depthwise = try Conv2d(
            inputChannels: hidden, outputChannels: hidden, kernelSize: 3, stride: Size2d(stride),
            padding: 1, groups: hidden, bias: false)
        project = try Conv2d(
            inputChannels: hidden, outputChannels: outputs, kernelSize: 1, bias: false)
        bn1 = try BatchNorm2d(channels: hidden)
        bn2 = try BatchNorm2d(channels: hidden)
        bn3 = try BatchNorm2d(channels: outputs)
        first = try FusedConv2d(expand, bn1, .hardSwish)
        second = try FusedConv2d(depthwise, bn2, .hardSwish)
        third = try FusedConv2d(project, bn3)
        gate = try SqueezeExcitation(
            channels: hidden, squeezeChannels: squeeze, variant: .timmEfficientNet)
        adds = stride == 1 && inputs == outputs
    }

    var submodules: [NamedModule] {
        [
            NamedModule("conv_pw", expand), NamedModule("bn1", bn1),
            NamedModule("conv_dw", depthwise), NamedModule("bn2", bn2), NamedModule("se", gate),
            NamedModule("conv_pwl", project), NamedModule("bn3", bn3),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try third(try gate(try second(try first(x))), residual: adds ? x : nil)
    }
}

/// As ``InvertedResidual`` with three CondConv layers that share one routing, made from the block's
/// input.
private final class CondConvResidual: Layer {
    private let routing: CondConvRouting
    private let expand, depthwise, project: CondConv2d
    private let bn1, bn2, bn3: BatchNorm2d
    private let first, second, third: FusedCondConv2d
    private let gate: SqueezeExcitation
    private let adds: Bool

    init(
        from inputs: Int, over hidden: Int, to outputs: Int, squeeze: Int, stride: Int = 1,
        experts: Int = 4
    ) throws(ProteanError) {
        routing = try CondConvRouting(channels: inputs, experts: experts)
        expand = try CondConv2d(
            inputChannels: inputs, outputChannels: hidden, kernelSize: 1, experts: experts)
        depthwise = try CondConv2d(
            inputChannels: hidden, outputChannels: hidden, kernelSize: 3, stride: Size2d(stride),
            padding: 1, groups: hidden, experts: experts)
        project = try CondConv2d(
            inputChannels: hidden, outputChannels: outputs, kernelSize: 1, experts: experts)
        bn1 = try BatchNorm2d(channels: hidden)
        bn2 = try BatchNorm2d(channels: hidden)
        bn3 = try BatchNorm2d(channels: outputs)
        first = try FusedCondConv2d(expand, bn1, .hardSwish)
        second = try FusedCondConv2d(depthwise, bn2, .hardSwish)
        third = try FusedCondConv2d(project, bn3)
        gate = try SqueezeExcitation(
            channels: hidden, squeezeChannels: squeeze, variant: .timmEfficientNet)
        adds = stride == 1 && inputs == outputs
    }

    var submodules: [NamedModule] {
        [
            NamedModule("routing_fn", routing), NamedModule("conv_pw", expand),
            NamedModule("bn1", bn1), NamedModule("conv_dw", depthwise), NamedModule("bn2", bn2),
            NamedModule("se", gate), NamedModule("conv_pwl", project), NamedModule("bn3", bn3),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let weights = try routing(x)
        let wide = try first(x, routing: weights)
        let gated = try gate(try second(wide, routing: weights))
        return try third(gated, routing: weights, residual: adds ? x : nil)
    }
}
