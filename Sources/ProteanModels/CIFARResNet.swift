import Protean

/// ResNet for 32 × 32 images: a stem, three stages of basic blocks with 16, 32 and 64 channels, a
/// mean over the map and a linear classifier.
///
/// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, section
/// 4.2, on request with attention in every block (``Gates``). Depth is 6 n + 2. Input `[batch, 32, 32, 3]`
/// (other sizes work), output `[batch, classes]`.
public final class CIFARResNet: Layer {
    /// The shortcut where size and channels change.
    public enum Shortcut: Sendable {
        /// Every second pixel, and zeros for the new channels (option A of the paper).
        case padding
        /// A 1 × 1 convolution with stride 2 and batch norm, named `downsample` (option B).
        case projection
    }

    /// The attention at the end of every block.
    public enum Gates: Sendable {
        /// ``SqueezeExcitation`` with a sixteenth of the channels (arXiv 1709.01507).
        case squeezeExcitation
        /// ``StyleRecalibration`` (arXiv 1903.10829), in the form of SRMnet's files.
        case styleRecalibration

        fileprivate func layer(channels: Int) throws(ProteanError) -> any SelfGating {
            switch self {
            case .squeezeExcitation:
                try SqueezeExcitation(channels: channels, reduction: 16, variant: .linear)
            case .styleRecalibration:
                try StyleRecalibration(channels: channels, variant: .grouped)
            }
        }
    }

    let conv1: Conv2d
    let bn1: BatchNorm2d
    private let stem: FusedConv2d
    let stages: [Sequential]
    let classifier: Linear
    let classifierName: String

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - depth: 6 n + 2: 20, 32, 44, 56, 110.
    ///   - classes: size of the output.
    ///   - shortcut: the shortcut where size and channels change.
    ///   - gates: the attention at the end of every block, or nil for none.
    ///   - classifierName: the classifier's name in weight files.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        depth: Int, classes: Int = 10, shortcut: Shortcut, gates: Gates? = nil,
        classifierName: String
    ) throws(ProteanError) {
        guard depth >= 8, depth % 6 == 2 else {
            throw .invalidOption(
                layer: "CIFARResNet", option: "depth", expected: "6 n + 2, at least 8",
                found: "\(depth)")
        }
        conv1 = try Conv2d(
            inputChannels: 3, outputChannels: 16, kernelSize: 3, padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: 16)
        stem = try FusedConv2d(conv1, bn1, .relu)
        var stages: [Sequential] = []
        var channels = 16
        for (index, width) in [16, 32, 64].enumerated() {
            var blocks: [any Layer] = []
            for block in 0..<(depth - 2) / 6 {
                blocks.append(
                    try CIFARResNetBlock(
                        inputChannels: channels, outputChannels: width,
                        stride: index > 0 && block == 0 ? 2 : 1, shortcut: shortcut,
                        gates: gates))
                channels = width
            }
            stages.append(try Sequential(blocks))
        }
        self.stages = stages
        classifier = try Linear(inputFeatures: 64, outputFeatures: classes)
        self.classifierName = classifierName
    }

    /// `conv1`, `bn1`, `layer1`…`layer3` and the classifier.
    public var submodules: [NamedModule] {
        [NamedModule("conv1", conv1), NamedModule("bn1", bn1)]
            + stages.enumerated().map { NamedModule("layer\($0.offset + 1)", $0.element) }
            + [NamedModule(classifierName, classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try stem(x)
        for stage in stages { y = try stage(y) }
        return try classifier(try Operations.globalAveragePool(y))
    }
}

/// relu(gate(bn2(conv2(relu(bn1(conv1(x)))))) + shortcut(x)).
final class CIFARResNetBlock: Layer {
    let conv1, conv2: Conv2d
    let bn1, bn2: BatchNorm2d
    private let first, second: FusedConv2d
    let gate: (any SelfGating)?
    let downsample: Sequential?
    let stride: Int
    private let newChannels: Int

    init(
        inputChannels: Int, outputChannels: Int, stride: Int, shortcut: CIFARResNet.Shortcut,
        gates: CIFARResNet.Gates?
    ) throws(ProteanError) {
        conv1 = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 3,
            stride: Size2d(stride), padding: 1, bias: false)
        conv2 = try Conv2d(
            inputChannels: outputChannels, outputChannels: outputChannels, kernelSize: 3,
            padding: 1, bias: false)
        bn1 = try BatchNorm2d(channels: outputChannels)
        bn2 = try BatchNorm2d(channels: outputChannels)
        first = try FusedConv2d(conv1, bn1, .relu)
        // With a gate, the activation and the sum come after the gate.
        second = try FusedConv2d(conv2, bn2, gates == nil ? .relu : .identity)
        gate = try gates?.layer(channels: outputChannels)
        self.stride = stride
        newChannels = outputChannels - inputChannels
        let projects = shortcut == .projection && (stride != 1 || newChannels != 0)
        downsample =
            projects
            ? try Sequential {
                () throws(ProteanError) in
                try Conv2d(
                    inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 1,
                    stride: Size2d(stride), bias: false)
                try BatchNorm2d(channels: outputChannels)
            } : nil
    }

    var submodules: [NamedModule] {
        var parts = [
            NamedModule("conv1", conv1), NamedModule("bn1", bn1), NamedModule("conv2", conv2),
            NamedModule("bn2", bn2),
        ]
        if let gate { parts.append(NamedModule("se", gate)) }
        if let downsample { parts.append(NamedModule("downsample", downsample)) }
        return parts
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side = try shortcut(x)
        let y = try first(x)
        guard let gate else { return try second(y, residual: side) }
        return try gate(try second(y), residual: side, activation: .relu)
    }

    private func shortcut(_ x: Tensor) throws(ProteanError) -> Tensor {
        if let downsample { return try downsample(x) }
        if stride == 1 && newChannels == 0 { return x }
        return try Operations.subsampleAndPadChannels(
            x, stride: stride, before: newChannels / 2, after: newChannels - newChannels / 2)
    }
}
