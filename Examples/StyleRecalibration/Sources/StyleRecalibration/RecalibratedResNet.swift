import Protean

/// ResNet for 32 × 32 images with style-based recalibration in every block.
///
/// He, Zhang, Ren, Sun, arXiv 1512.03385, section 4.2, with 1 × 1 convolutions where a block changes
/// its map; depth is 6 · blocks + 2. Input `[batch, 32, 32, 3]` (other sizes work), output
/// `[batch, classes]`.
public final class RecalibratedResNet: Layer {
    private let conv1: Conv2d
    private let bn1: BatchNorm2d
    private let stem: FusedConv2d
    private let stages: [Sequential]
    private let classifier: Linear

    /// A network with initial values; 5 blocks per stage make a ResNet-32.
    public init(blocks: Int = 5, classes: Int = 10) throws(ProteanError) {
        guard (1...100).contains(blocks) else {
            throw .invalidOption(
                layer: "RecalibratedResNet", option: "blocks", expected: "1...100",
                found: "\(blocks)")
        }
        conv1 = try Conv2d(
            inputChannels: 3, outputChannels: 16, kernelSize: 3, padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: 16)
        stem = try FusedConv2d(conv1, bn1, .relu)
        var stages: [Sequential] = []
        for (index, width) in [16, 32, 64].enumerated() {
            var layers: [any Layer] = []
            for block in 0..<blocks {
                let changes = index > 0 && block == 0
                layers.append(
                    try RecalibratedBlock(
                        inputChannels: changes ? width / 2 : width, outputChannels: width,
                        stride: changes ? 2 : 1))
            }
            stages.append(try Sequential(layers))
        }
        self.stages = stages
        classifier = try Linear(inputFeatures: 64, outputFeatures: classes)
    }

    /// `conv1`, `bn1`, `layer1`…`layer3`, `fc`.
    public var submodules: [NamedModule] {
        [NamedModule("conv1", conv1), NamedModule("bn1", bn1)]
            + stages.enumerated().map { NamedModule("layer\($0.offset + 1)", $0.element) }
            + [NamedModule("fc", classifier)]
    }

    /// The classes' logits.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try stem(x)
        for stage in stages { y = try stage(y) }
        return try classifier(GlobalAveragePool2d()(y))
    }
}

/// relu(recalibration(bn2(conv2(relu(bn1(conv1(x)))))) + shortcut(x)).
final class RecalibratedBlock: Layer {
    private let conv1, conv2: Conv2d
    private let bn1, bn2: BatchNorm2d
    private let first, second: FusedConv2d
    private let recalibration: StyleGate
    private let downsample: Sequential?

    init(inputChannels: Int, outputChannels: Int, stride: Int) throws(ProteanError) {
        conv1 = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 3,
            stride: Size2d(stride), padding: 1, bias: false)
        conv2 = try Conv2d(
            inputChannels: outputChannels, outputChannels: outputChannels, kernelSize: 3,
            padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: outputChannels)
        bn2 = try BatchNorm2d(channels: outputChannels)
        // Each runs as one kernel, with the norm folded into the weights.
        first = try FusedConv2d(conv1, bn1, .relu)
        second = try FusedConv2d(conv2, bn2)
        recalibration = try StyleGate(channels: outputChannels)
        guard stride != 1 || inputChannels != outputChannels else {
            downsample = nil
            return
        }
        downsample = try Sequential([
            try Conv2d(
                inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 1,
                stride: Size2d(stride), bias: false),
            try BatchNorm2d(channels: outputChannels),
        ])
    }

    var submodules: [NamedModule] {
        [
            NamedModule("conv1", conv1), NamedModule("bn1", bn1), NamedModule("conv2", conv2),
            NamedModule("bn2", bn2), NamedModule("se", recalibration),
        ] + (downsample.map { [NamedModule("downsample", $0)] } ?? [])
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side = try downsample?(x) ?? x
        return try recalibration(second(first(x)), residual: side, activation: .relu)
    }
}
