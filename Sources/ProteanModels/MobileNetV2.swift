import Protean

/// MobileNetV2: inverted residual blocks with linear bottlenecks.
///
/// Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
/// arXiv 1801.04381; parameters named as torchvision's `mobilenet_v2`. Input
/// `[batch, height, width, 3]`, output `[batch, classes]`.
public final class MobileNetV2: Layer {
    // Expansion, channels, repeats, first stride.
    private static let stages: [(Int, Int, Int, Int)] = [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]

    /// Number of blocks of each stage.
    static let repeats = stages.map { $0.2 }

    let stem, last: MobileNetV2Conv
    let blocks: [MobileNetV2Block]
    // The stem and the first block together: the largest map is the stem's.
    private let entry: FusedConv2dChain
    private let avgpool = GlobalAveragePool2d()
    let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = 1000) throws(ProteanError) {
        stem = try MobileNetV2Conv(from: 3, to: 32, kernel: 3, stride: 2)
        var blocks: [MobileNetV2Block] = []
        var channels = 32
        for (expansion, width, repeats, stride) in Self.stages {
            for index in 0..<repeats {
                blocks.append(
                    try MobileNetV2Block(
                        from: channels, to: width, stride: index == 0 ? stride : 1,
                        expansion: expansion))
                channels = width
            }
        }
        self.blocks = blocks
        entry = try FusedConv2dChain([stem.fused] + blocks[0].stages)
        last = try MobileNetV2Conv(from: channels, to: 1280, kernel: 1)
        classifier = try Linear(inputFeatures: 1280, outputFeatures: classes)
    }

    /// `features.0`, `features.1`, … and `classifier.1` (`classifier.0` is a dropout).
    public var submodules: [NamedModule] {
        stem.named("features.0")
            + blocks.enumerated().map { NamedModule("features.\($0.offset + 1)", $0.element) }
            + last.named("features.\(blocks.count + 1)")
            + [NamedModule("classifier.1", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try classifier(try avgpool(try features(x)))
    }

    /// The last convolution's map of 1280 channels: what the mean and the classifier are applied to.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func features(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try entry(x)
        for block in blocks.dropFirst() { y = try block(y) }
        return try last.fused(y)
    }
}

extension MobileNetV2 {
    /// The path of the parameter for one of timm's keys.
    static func path(of key: TimmKey) -> String {
        let last = repeats.reduce(0, +) + 1
        let block = "features.\(key.block + 1).conv"
        // A block that does not expand has no expanding convolution.
        let before = key.block < repeats[0] ? 0 : 1
        let module =
            switch key.place {
            case .stem: "features.0.0"
            case .stemNorm: "features.0.1"
            case .convolution(.expand): "\(block).0.0"
            case .norm(.expand): "\(block).0.1"
            case .convolution(.depthwise): "\(block).\(before).0"
            case .norm(.depthwise): "\(block).\(before).1"
            case .convolution(.project): "\(block).\(before + 1)"
            case .norm(.project): "\(block).\(before + 2)"
            case .head: "features.\(last).0"
            case .headNorm: "features.\(last).1"
            case .classifier: "classifier.1"
            }
        return "\(module).\(key.parameter)"
    }
}

/// Convolution, batch norm and ReLU6.
struct MobileNetV2Conv: Sendable {
    let conv: Conv2d
    let norm: BatchNorm2d
    let activation: Activation
    let fused: FusedConv2d

    init(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1,
        activation: Activation = .relu6
    ) throws(ProteanError) {
        conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            stride: Size2d(stride), padding: .symmetric(kernel / 2), groups: groups, bias: false)
        norm = try BatchNorm2d(channels: outputs)
        self.activation = activation
        fused = try FusedConv2d(conv, norm, activation)
    }

    func named(_ path: String) -> [NamedModule] {
        [NamedModule("\(path).0", conv), NamedModule("\(path).1", norm)]
    }
}

/// Expand 1 × 1, depthwise 3 × 3, project 1 × 1; plus the input where shapes allow.
final class MobileNetV2Block: Layer {
    let submodules: [NamedModule]
    /// The convolutions in order.
    let stages: [FusedConv2d]
    /// All convolutions but the projection, and the projection.
    let head: [MobileNetV2Conv], project: MobileNetV2Conv
    private let chain: FusedConv2dChain
    /// Whether the input is added.
    let adds: Bool

    init(from inputs: Int, to outputs: Int, stride: Int, expansion: Int) throws(ProteanError) {
        let hidden = inputs * expansion
        var head: [MobileNetV2Conv] = []
        if expansion != 1 { head.append(try MobileNetV2Conv(from: inputs, to: hidden, kernel: 1)) }
        head.append(
            try MobileNetV2Conv(
                from: hidden, to: hidden, kernel: 3, stride: stride, groups: hidden))
        let project = try MobileNetV2Conv(
            from: hidden, to: outputs, kernel: 1, activation: .identity)
        self.head = head
        self.project = project
        stages = (head + [project]).map(\.fused)
        chain = try FusedConv2dChain(stages)
        adds = stride == 1 && inputs == outputs
        // The projection has no activation, so its path is one level shorter.
        submodules =
            head.enumerated().flatMap { $0.element.named("conv.\($0.offset)") } + [
                NamedModule("conv.\(head.count)", project.conv),
                NamedModule("conv.\(head.count + 1)", project.norm),
            ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try chain(x, residual: adds ? x : nil)
    }
}

/// `mobilenet_v2` with torchvision's keys and preprocessing.
struct MobileNetV2Plugin: ModelPlugin {
    let name = "mobilenet_v2"
    let summary = "MobileNetV2 for ImageNet, torchvision's keys (arXiv 1801.04381)"
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] {
        ["mobilenetv2_100": [:]]
    }
    let landmarkKeys = ["features.18.0.weight", "features.17.conv.3.weight", "classifier.1.weight"]

    /// timm's names are known too.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        guard TimmKey.areUsed(in: checkpoint) else { return .identity }
        return KeyMap { key in
            guard let known = TimmKey(key, repeats: MobileNetV2.repeats) else { return key }
            return MobileNetV2.path(of: known)
        }
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try MobileNetV2(classes: try configuration.integer("num_classes", default: 1000))
    }
}
