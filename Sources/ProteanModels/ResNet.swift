import Protean

/// ResNet for ImageNet: a stem, four stages of residual blocks, a mean over the map and a linear
/// classifier.
///
/// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, table 1,
/// with the stride in a bottleneck's 3 × 3 convolution, as torchvision has it (ResNet v1.5).
/// Parameters are named as torchvision's. Input `[batch, height, width, 3]`, output
/// `[batch, classes]`.
///
/// The 3 × 3 convolutions of some stages' bottlenecks may be deformable ones of the second version
/// (Zhu, Hu, Lin, Dai, arXiv 1811.11168) that predict their displacements: `conv2.weight` is then
/// accompanied by `conv2.conv_offset.weight` and `.bias`, as in mmcv. Or the blocks' convolutions
/// mix their kernels per image, see ``Convolutions``. Every block may have an attention, such as
/// squeeze and excitation, and another activation than ReLU.
///
/// ```swift
/// let resnet50 = try ResNet(block: .bottleneck, stages: [3, 4, 6, 3])
/// let deformable = try ResNet(
///     block: .bottleneck, stages: [3, 4, 6, 3], deformableStages: 1..<4)
/// let excited = try ResNet(
///     block: .bottleneck, stages: [3, 4, 6, 3], attention: .squeezeExcitation(reduction: 16))
/// ```
public final class ResNet: Layer {
    /// The form of the residual blocks.
    public enum Block: String, Sendable, CaseIterable {
        /// Two 3 × 3 convolutions (18 and 34 layers).
        case basic
        /// 1 × 1, 3 × 3 and 1 × 1 to four times the width (50 layers and more).
        case bottleneck

        /// Output channels per unit of width.
        var expansion: Int { self == .basic ? 1 : 4 }
    }

    /// What the convolutions of the blocks are.
    public enum Convolutions: Sendable, Equatable {
        /// Ordinary ones.
        case plain
        /// ``DynamicConv2d`` with this number of kernels, projections of shortcuts among them, as
        /// in kaijieshi7's networks.
        case dynamic(experts: Int)
        /// ``ODConv2d`` with this number of kernels and this ratio of the attention's width to the
        /// input channels; projections of shortcuts are ordinary ones, as in OSVAI's networks.
        case omniDimensional(experts: Int, reduction: Double)
        /// A bottleneck's 3 × 3 convolution is a ``SelectiveKernel`` with timm's options; names as in
        /// timm's `skresnet50`.
        case selectiveKernel
        /// A bottleneck's 3 × 3 convolution is a ``SplitAttention`` of this radix, strides are means
        /// over the map, and the stem has three 3 × 3 convolutions: ResNeSt (Zhang et al., arXiv
        /// 2004.08955), named as the authors' and timm's.
        case splitAttention(radix: Int)
    }

    private let stem: ResNetStem
    private let maxpool: MaxPool2d
    private let stages: [Sequential]
    private let avgpool = GlobalAveragePool2d()
    private let fc: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - block: the form of the residual blocks.
    ///   - counts: blocks of each stage; every stage but the first halves the map.
    ///   - width: channels of the stem and of the first stage's 3 × 3 convolutions; each stage
    ///     doubles them.
    ///   - classes: size of the output.
    ///   - deformableStages: stages, counted from 0, whose 3 × 3 convolutions are
    ///     ``ModulatedDeformableConv2d``; bottlenecks only.
    ///   - convolutions: what the other convolutions of the blocks are.
    ///   - attention: applied to every block's result before the shortcut is added.
    ///   - attentionName: its name in the block.
    ///   - activation: of the blocks; layers are named `act1`, `act2`, …. The stem's is ReLU.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        block: Block, stages counts: [Int], width: Int = 64, classes: Int = 1000,
        deformableStages: Range<Int> = 0..<0, convolutions: Convolutions = .plain,
        attention: AttentionSlot = .none, attentionName: String = "se",
        activation: ActivationSlot = .relu
    ) throws(ProteanError) {
        // More stages would reduce the image to nothing and overflow the width.
        guard (1...8).contains(counts.count), counts.allSatisfy({ $0 >= 1 }) else {
            throw .invalidOption(
                layer: "ResNet", option: "stages", expected: "1 to 8 counts of at least 1",
                found: "\(counts)")
        }
        guard (1...65_536).contains(width) else {
            throw .invalidOption(
                layer: "ResNet", option: "width", expected: "1...65536", found: "\(width)")
        }
        let stageIndices = 0..<counts.count
        guard
            deformableStages.isEmpty
                || block == .bottleneck
                    && deformableStages.clamped(to: stageIndices)
                        == deformableStages
        else {
            throw .invalidOption(
                layer: "ResNet", option: "deformableStages",
                expected: "within \(stageIndices), with bottlenecks",
                found: "\(deformableStages), \(block)")
        }
        try Self.check(convolutions, block)
        if case .splitAttention = convolutions {
            stem = try ResNetStem(deep: width)
        } else {
            stem = try ResNetStem(width)
        }
        let options = ResNetBlock.Options(
            block: block, convolutions: convolutions, attention: attention,
            attentionName: attentionName, activation: activation)
        maxpool = try MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
        var channels = width
        var stages: [Sequential] = []
        for (stage, count) in counts.enumerated() {
            var blocks: [any Layer] = []
            for index in 0..<count {
                let made = try ResNetBlock(
                    options, from: channels, width: width << stage,
                    stride: stage > 0 && index == 0 ? 2 : 1,
                    isDeformable: deformableStages.contains(stage))
                channels = made.outputChannels
                blocks.append(made)
            }
            stages.append(try Sequential(blocks))
        }
        self.stages = stages
        fc = try Linear(inputFeatures: channels, outputFeatures: classes)
    }

    private static func check(
        _ convolutions: Convolutions, _ block: Block
    ) throws(ProteanError) {
        switch convolutions {
        case .selectiveKernel, .splitAttention:
            guard block == .bottleneck else {
                throw .invalidOption(
                    layer: "ResNet", option: "convolutions", expected: "bottlenecks",
                    found: "\(block) blocks with \(convolutions)")
            }
        default: break
        }
    }

    /// `conv1`, `bn1`, `layer1`, `layer2`, … and `fc`.
    public var submodules: [NamedModule] {
        stem.parts
            + stages.enumerated().map { NamedModule("layer\($0.offset + 1)", $0.element) }
            + [NamedModule("fc", fc)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try fc(try avgpool(try features(x)))
    }

    /// The last stage's map, `[batch, height / 32, width / 32, featureChannels]` with four stages,
    /// sizes rounded up: what the mean and the classifier are applied to.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func features(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try maxpool(try stem.run(x))
        for stage in stages { y = try stage(y) }
        return y
    }

    /// Channels of ``features(_:)``.
    public var featureChannels: Int { fc.inputFeatures }
}
