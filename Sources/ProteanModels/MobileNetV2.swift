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

    private let features: Sequential
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = 1000) throws(ProteanError) {
        var layers: [any Layer] = [
            try Self.convolution(from: 3, to: 32, kernel: 3, stride: 2)
        ]
        var channels = 32
        for (expansion, width, repeats, stride) in Self.stages {
            for index in 0..<repeats {
                layers.append(
                    try MobileNetV2Block(
                        from: channels, to: width, stride: index == 0 ? stride : 1,
                        expansion: expansion))
                channels = width
            }
        }
        layers.append(try Self.convolution(from: channels, to: 1280, kernel: 1))
        features = try Sequential(layers)
        classifier = try Linear(inputFeatures: 1280, outputFeatures: classes)
    }

    /// Convolution, batch norm and ReLU6.
    static func convolution(
        from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1
    ) throws(ProteanError) -> Sequential {
        try Sequential { () throws(ProteanError) in
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                stride: Size2d(stride), padding: .symmetric(kernel / 2), groups: groups,
                bias: false)
            try BatchNorm2d(channels: outputs)
            ReLU6()
        }
    }

    /// `features` and `classifier.1` (`classifier.0` is a dropout).
    public var submodules: [NamedModule] {
        [NamedModule("features", features), NamedModule("classifier.1", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try classifier(try Operations.globalAveragePool(try features(x)))
    }
}

/// Expand 1 × 1, depthwise 3 × 3, project 1 × 1; plus the input where shapes allow.
private final class MobileNetV2Block: Layer {
    private let head: Sequential
    private let project: Conv2d
    private let norm: BatchNorm2d
    private let fused: FusedConv2d
    private let parts: [NamedModule]
    private let adds: Bool

    init(from inputs: Int, to outputs: Int, stride: Int, expansion: Int) throws(ProteanError) {
        let hidden = inputs * expansion
        var layers: [any Layer] = []
        if expansion != 1 {
            layers.append(try MobileNetV2.convolution(from: inputs, to: hidden, kernel: 1))
        }
        layers.append(
            try MobileNetV2.convolution(
                from: hidden, to: hidden, kernel: 3, stride: stride, groups: hidden))
        head = try Sequential(layers)
        project = try Conv2d(
            inputChannels: hidden, outputChannels: outputs, kernelSize: 1, bias: false)
        norm = try BatchNorm2d(channels: outputs)
        fused = try FusedConv2d(project, norm)
        adds = stride == 1 && inputs == outputs
        let count = layers.count
        parts =
            head.submodules.map { NamedModule("conv.\($0.name)", $0.module) } + [
                NamedModule("conv.\(count)", project), NamedModule("conv.\(count + 1)", norm),
            ]
    }

    var submodules: [NamedModule] { parts }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try fused(try head(x), residual: adds ? x : nil)
    }
}

/// `mobilenet_v2` with torchvision's keys and preprocessing.
struct MobileNetV2Plugin: ModelPlugin {
    let name = "mobilenet_v2"
    let summary = "MobileNetV2 for ImageNet, torchvision's keys (arXiv 1801.04381)"
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try MobileNetV2(classes: try configuration.integer("num_classes", default: 1000))
    }
}
