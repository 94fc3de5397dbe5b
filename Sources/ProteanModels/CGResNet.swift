import Protean

/// ResNet for 32 × 32 images whose first convolution of every block is channel-gated.
///
/// Hua, Zhou, De Sa, Zhang, Suh, "Channel Gating Neural Networks", arXiv 1805.12549, in the form of
/// cornell-zhang/dnn-gating's `cg_cifar10_resnet`: shortcuts without parameters, names `conv1`, `bn1`,
/// `layer{1…3}.{i}.conv1.{weight,mask,threshold,bn.*}`, `.bn1`, `.conv2`, `.bn2`, `linear`. Input
/// `[batch, 32, 32, 3]`, output `[batch, classes]`.
public final class CGResNet: Layer {
    private let conv1: Conv2d
    private let bn1: BatchNorm2d
    private let stem: FusedConv2d
    private let blocks: [[CGResNetBlock]]
    private let linear: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - depth: 6 n + 2.
    ///   - classes: size of the output.
    ///   - partitions: the base path reads one of so many parts of the weights.
    ///   - usesGroups: whether the base path is a grouped convolution.
    ///   - shuffles: whether channels are shuffled between the groups first.
    ///   - threshold: of all gates at first.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        depth: Int = 20, classes: Int = 10, partitions: Int = 4, usesGroups: Bool = false,
        shuffles: Bool = false, threshold: Float = 0
    ) throws(ProteanError) {
        guard depth >= 8, depth <= 10_000, depth % 6 == 2 else {
            throw .invalidOption(
                layer: "CGResNet", option: "depth", expected: "6 n + 2, at least 8",
                found: "\(depth)")
        }
        conv1 = try Conv2d(
            inputChannels: 3, outputChannels: 16, kernelSize: 3, padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: 16)
        stem = try FusedConv2d(conv1, bn1, .relu)
        var blocks: [[CGResNetBlock]] = [], channels = 16
        for (stage, width) in [16, 32, 64].enumerated() {
            var own: [CGResNetBlock] = []
            for index in 0..<(depth - 2) / 6 {
                own.append(
                    try CGResNetBlock(
                        from: channels, to: width, stride: stage > 0 && index == 0 ? 2 : 1,
                        partitions: partitions, usesGroups: usesGroups, shuffles: shuffles,
                        threshold: threshold))
                channels = width
            }
            blocks.append(own)
        }
        self.blocks = blocks
        linear = try Linear(inputFeatures: 64, outputFeatures: classes)
    }

    /// `conv1`, `bn1`, `layer1` … `layer3`, `linear`.
    public var submodules: [NamedModule] {
        [NamedModule("conv1", conv1), NamedModule("bn1", bn1)]
            + blocks.enumerated().flatMap { stage, own in
                own.enumerated().map {
                    NamedModule("layer\(stage + 1).\($0.offset)", $0.element)
                }
            } + [NamedModule("linear", linear)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try stem(x)
        for stage in blocks { for block in stage { y = try block(y) } }
        return try linear(try Operations.globalAveragePool(y))
    }
}

/// relu(bn2(conv2(relu(bn1(gated conv1(x))))) + shortcut(x)).
private final class CGResNetBlock: Layer {
    private let conv1: ChannelGatedConv2d
    private let conv2: Conv2d
    private let bn1, bn2: BatchNorm2d
    private let second: FusedConv2d
    private let stride, added: Int

    init(
        from inputs: Int, to outputs: Int, stride: Int, partitions: Int, usesGroups: Bool,
        shuffles: Bool, threshold: Float
    ) throws(ProteanError) {
        conv1 = try ChannelGatedConv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3,
            stride: Size2d(stride), padding: 1, partitions: partitions, usesGroups: usesGroups,
            shuffles: shuffles, threshold: threshold)
        conv2 = try Conv2d(
            inputChannels: outputs, outputChannels: outputs, kernelSize: 3, padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: outputs)
        bn2 = try BatchNorm2d(channels: outputs)
        second = try FusedConv2d(conv2, bn2, .relu)
        self.stride = stride
        added = outputs - inputs
    }

    var submodules: [NamedModule] {
        [
            NamedModule("conv1", conv1), NamedModule("bn1", bn1), NamedModule("conv2", conv2),
            NamedModule("bn2", bn2),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side =
            stride == 1 && added == 0
            ? x
            : try Operations.subsampleAndPadChannels(
                x, stride: stride, before: added / 2, after: added - added / 2)
        return try second(try bn1(try conv1(x), activation: .relu), residual: side)
    }
}

/// `cg_resnet20_cifar` under the keys of dnn-gating.
struct CGResNetPlugin: ModelPlugin {
    let name = "cg_resnet20_cifar"
    let summary = "ResNet-20 with channel gating for CIFAR-10 (arXiv 1805.12549)"
    let inputShape = [1, 32, 32, 3]
    var classNames: [String] { CIFARResNetPlugin.classNames }
    let landmarkKeys = ["layer3.2.conv1.threshold", "layer3.2.conv1.mask", "linear.weight"]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(
            known: ["depth", "num_classes", "partitions", "use_group", "shuffle", "ginit"])
        return try CGResNet(
            depth: try configuration.integer("depth", default: 20),
            classes: try configuration.integer("num_classes", default: 10),
            partitions: try configuration.integer("partitions", default: 4),
            usesGroups: try configuration.bool("use_group", default: false),
            shuffles: try configuration.bool("shuffle", default: false),
            threshold: Float(try configuration.number("ginit", default: 0)))
    }
}
