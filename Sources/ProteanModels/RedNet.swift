import Protean

/// RedNet: a residual network whose spatial convolutions are involutions.
///
/// Li, Hu, Wang, Li, She, Zhu, Zhang, Chen, "Involution: Inverting the Inherence of Convolution for
/// Visual Recognition", arXiv 2103.06255: ResNet's bottlenecks with 7 × 7 involutions
/// (``Involution2d``) in place of 3 × 3 convolutions, behind a stem with a 3 × 3 involution. Parameters
/// are named as in the authors' classifiers, `backbone.…` and `head.fc`.
///
/// Input `[batch, height, width, 3]`, output `[batch, classes]`. An involution with stride 2 needs even
/// sizes: multiples of 32 do for the network.
///
/// ```swift
/// let rednet26 = try RedNet(stages: [1, 2, 4, 1])
/// ```
public final class RedNet: Layer {
    private let entry, exit: FusedConv2d
    private let involution: Involution2d
    private let norm: BatchNorm2d
    private let maxpool: MaxPool2d
    private let stages: [Sequential]
    private let classifier: Linear
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - counts: blocks of each stage; every stage but the first halves the map.
    ///   - classes: size of the output.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(stages counts: [Int], classes: Int = 1000) throws(ProteanError) {
        guard (1...8).contains(counts.count), counts.allSatisfy({ $0 >= 1 }) else {
            throw .invalidOption(
                layer: "RedNet", option: "stages", expected: "1 to 8 counts of at least 1",
                found: "\(counts)")
        }
        let convs = [
            try Conv2d(
                inputChannels: 3, outputChannels: 32, kernelSize: 3, stride: 2, padding: 1,
                bias: false),
            try Conv2d(
                inputChannels: 32, outputChannels: 64, kernelSize: 3, padding: 1, bias: false),
        ]
        let norms = [try BatchNorm2d(channels: 32), try BatchNorm2d(channels: 64)]
        entry = try FusedConv2d(convs[0], norms[0], .relu)
        involution = try Involution2d(channels: 32, kernelSize: 3)
        norm = try BatchNorm2d(channels: 32)
        exit = try FusedConv2d(convs[1], norms[1], .relu)
        maxpool = try MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
        var channels = 64
        var stages: [Sequential] = []
        for (stage, count) in counts.enumerated() {
            let outputs = 256 << stage
            var blocks: [any Layer] = []
            for index in 0..<count {
                blocks.append(
                    try RedNetBlock(
                        from: index == 0 ? channels : outputs, to: outputs,
                        stride: stage > 0 && index == 0 ? 2 : 1))
            }
            stages.append(try Sequential(blocks))
            channels = outputs
        }
        self.stages = stages
        classifier = try Linear(inputFeatures: channels, outputFeatures: classes)
        submodules =
            [
                NamedModule("backbone.stem.0.conv", convs[0]),
                NamedModule("backbone.stem.0.bn", norms[0]),
                NamedModule("backbone.stem.1", involution), NamedModule("backbone.stem.2", norm),
                NamedModule("backbone.stem.4.conv", convs[1]),
                NamedModule("backbone.stem.4.bn", norms[1]),
            ]
            + stages.enumerated().map {
                NamedModule("backbone.layer\($0.offset + 1)", $0.element)
            } + [NamedModule("head.fc", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try norm(try involution(try entry(x)), activation: .relu)
        y = try maxpool(try exit(y))
        for stage in stages { y = try stage(y) }
        return try classifier(try Operations.globalAveragePool(y))
    }
}

/// relu(bn3(conv3(relu(bn2(involution(relu(bn1(conv1(x)))))))) + shortcut(x)), the shortcut being `x`
/// or a 1 × 1 convolution with batch norm where size or channels change.
private final class RedNetBlock: Layer {
    let submodules: [NamedModule]

    private let reduce, expand: FusedConv2d
    private let involution: Involution2d
    private let norm: BatchNorm2d
    private let downsample: Sequential?

    init(from inputs: Int, to outputs: Int, stride: Int) throws(ProteanError) {
        let width = outputs / 4
        func convolution(
            _ inputs: Int, _ outputs: Int, _ stride: Int = 1
        ) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 1,
                stride: Size2d(stride), bias: false)
        }
        let convs = [try convolution(inputs, width), try convolution(width, outputs)]
        let norms = [try BatchNorm2d(channels: width), try BatchNorm2d(channels: outputs)]
        involution = try Involution2d(channels: width, kernelSize: 7, stride: stride)
        norm = try BatchNorm2d(channels: width)
        reduce = try FusedConv2d(convs[0], norms[0], .relu)
        expand = try FusedConv2d(convs[1], norms[1], .relu)
        downsample =
            stride == 1 && inputs == outputs
            ? nil
            : try Sequential([
                try convolution(inputs, outputs, stride), try BatchNorm2d(channels: outputs),
            ])
        submodules =
            [
                NamedModule("conv1", convs[0]), NamedModule("bn1", norms[0]),
                NamedModule("conv2", involution), NamedModule("bn2", norm),
                NamedModule("conv3", convs[1]), NamedModule("bn3", norms[1]),
            ] + (downsample.map { [NamedModule("downsample", $0)] } ?? [])
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side = try downsample?(x) ?? x
        let y = try norm(try involution(try reduce(x)), activation: .relu)
        return try expand(y, residual: side)
    }
}
