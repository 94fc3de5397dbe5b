import Protean

/// The networks of "Triple Wins": exits that make small networks accurate, robust and cheap.
///
/// Hu, Chen, Wang, Wang, "Triple Wins: Boosting Accuracy, Robustness and Efficiency Together by
/// Enabling Input-Adaptive Inference", ICLR 2020, arXiv 2002.10025; parameters are named as in the
/// authors' code. An image leaves where its largest probability reaches a threshold.
public enum TripleWins {
    /// Four convolutions and three linear layers for 28 × 28 grey images, with exits after the
    /// first and the third convolution.
    ///
    /// Input `[batch, 28, 28, 1]` in 0...1, logits `[batch, classes]` of three exits; 836,846
    /// parameters.
    /// - Parameter classes: size of the output.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func mnist(classes: Int = 10) throws(ProteanError) -> ExitNetwork {
        var net = SmallCNN(classes: classes)
        let trunk1 = try net.convolutions([("conv1", 1, 32, 1)])
        let trunk2 =
            try net.convolutions([("conv2", 32, 32, 1)])
            + [try MaxPool2d(kernelSize: 2)] + net.convolutions([("conv3", 32, 64, 1)])
        let trunk3 = try net.convolutions([("conv4", 64, 64, 1)]) + [try MaxPool2d(kernelSize: 2)]
        let head1 = try net.branch1(), head2 = try net.branch2(), head3 = try net.end()
        return try ExitNetwork(
            parts: net.blocks.parts,
            stages: [
                LayerStage(try Sequential(trunk1)), LayerStage(try Sequential(trunk2)),
                LayerStage(try Sequential(trunk3)),
            ],
            heads: [LayerHead(head1), LayerHead(head2), LayerHead(head3)], combiner: .own)
    }

    /// RDI-ResNet: a ResNet for 32 × 32 images with two exits in each of its three groups.
    ///
    /// Exits follow the blocks at a quarter and at three quarters of each group. Input
    /// `[batch, 32, 32, 3]`, logits `[batch, classes]` of seven exits; 692,310 parameters with six
    /// blocks in a group (ResNet-38).
    /// - Parameters:
    ///   - count: blocks of each group, 2 or more: 6, 12, 18 and 25 as published (ResNet-38, 74, 110
    ///     and 152).
    ///   - classes: size of the output.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func resNet(
        blocks count: Int = 6, classes: Int = 10
    ) throws(ProteanError) -> ExitNetwork {
        try ExitOptions.check(
            [("blocks", count, 2...256), ("num_classes", classes, 1...OptionLimits.channels)],
            layer: "TripleWins")
        var net = RDIResNet(classes: classes)
        var pending: [any Layer] = [try net.stem()]
        var stages: [any Stage] = [], heads: [any ExitHead] = []
        var inputs = 16
        for (group, width) in [16, 32, 64].enumerated() {
            for index in 0..<count {
                pending.append(
                    try net.block(
                        "group\(group)_layer\(index)", from: inputs, to: width,
                        stride: group > 0 && index == 0 ? 2 : 1))
                inputs = width
                for (place, branch) in [(count / 4, 0), (count * 3 / 4, 1)] where place == index {
                    stages.append(LayerStage(try Sequential(pending)))
                    // Where both places are one block, the second stage has nothing to do.
                    pending = []
                    heads.append(LayerHead(try net.branch(group * 2 + branch + 1)))
                }
            }
        }
        pending += [try AvgPool2d(kernelSize: 8), try Flatten()]
        stages.append(LayerStage(try Sequential(pending)))
        heads.append(
            LayerHead(
                net.blocks.add(
                    "fc", try Linear(inputFeatures: 64, outputFeatures: classes))))
        return try ExitNetwork(
            parts: net.blocks.parts, stages: stages, heads: heads, combiner: .own)
    }
}

/// Makes the parts of the network for grey images.
private struct SmallCNN {
    let classes: Int
    var blocks = ExitBlocks()

    init(classes: Int) { self.classes = classes }

    /// Convolutions with bias, each with its ReLU.
    mutating func convolutions(
        _ list: [(name: String, inputs: Int, outputs: Int, stride: Int)]
    ) throws(ProteanError) -> [any Layer] {
        var layers: [any Layer] = []
        for (name, inputs, outputs, stride) in list {
            layers += [try convolution(name, inputs, outputs, stride), ReLU()]
        }
        return layers
    }

    private mutating func convolution(
        _ name: String, _ inputs: Int, _ outputs: Int, _ stride: Int
    ) throws(ProteanError) -> any Layer {
        blocks.add(
            name,
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 3,
                stride: Size2d(stride)))
    }

    private mutating func linear(
        _ name: String, _ inputs: Int, _ outputs: Int
    ) throws(ProteanError) -> any Layer {
        blocks.add(name, try Linear(inputFeatures: inputs, outputFeatures: outputs))
    }

    mutating func branch1() throws(ProteanError) -> Sequential {
        let name = "branch_layer1"
        return try Sequential([
            try convolution("\(name).0", 32, 16, 2), try MaxPool2d(kernelSize: 2), try Flatten(),
            try linear("\(name).3", 16 * 6 * 6, 200), try linear("\(name).5", 200, 200),
            try linear("\(name).6", 200, classes),
        ])
    }

    mutating func branch2() throws(ProteanError) -> Sequential {
        let name = "branch_layer2"
        return try Sequential([
            try MaxPool2d(kernelSize: 2), try Flatten(),
            try linear("\(name).2", 64 * 5 * 5, 200), try linear("\(name).4", 200, 200),
            try linear("\(name).5", 200, classes),
        ])
    }

    mutating func end() throws(ProteanError) -> Sequential {
        try Sequential([
            try Flatten(), try linear("fc1", 64 * 4 * 4, 200), ReLU(),
            try linear("fc2", 200, 200), ReLU(), try linear("fc3", 200, classes),
        ])
    }
}

/// Makes the parts of the residual network.
private struct RDIResNet {
    let classes: Int
    var blocks = ExitBlocks()

    init(classes: Int) { self.classes = classes }

    private static func conv(
        _ inputs: Int, _ outputs: Int, _ kernel: Int
    ) throws(ProteanError) -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
            padding: .symmetric(kernel / 2), bias: false)
    }

    mutating func stem() throws(ProteanError) -> Sequential {
        try Sequential([
            blocks.add("conv1", try Self.conv(3, 16, 3)),
            blocks.add("bn1", try BatchNorm2d(channels: 16)), ReLU(),
        ])
    }

    mutating func block(
        _ name: String, from inputs: Int, to outputs: Int, stride: Int = 1
    ) throws(ProteanError) -> ResNetBlock {
        let options = ResNetBlock.Options(
            block: .basic, convolutions: .plain, attention: .none, attentionName: "",
            activation: .relu)
        return blocks.add(
            name,
            try ResNetBlock(
                options, from: inputs, width: outputs, stride: stride, isDeformable: false))
    }

    /// The exits, numbered from 1.
    mutating func branch(_ number: Int) throws(ProteanError) -> Sequential {
        let name = "branch_layer\(number)"
        switch number {
        case 1, 2:
            return try Sequential([
                try MaxPool2d(kernelSize: 2), blocks.add("\(name).1", try Self.conv(16, 64, 5)),
                blocks.add("\(name).2", try BatchNorm2d(channels: 64)), ReLU(),
                try MaxPool2d(kernelSize: 2), blocks.add("\(name).5", try Self.conv(64, 32, 3)),
                blocks.add("\(name).6", try BatchNorm2d(channels: 32)),
                try AvgPool2d(kernelSize: 8), try Flatten(), try linear("\(name).9", 32),
            ])
        case 3, 4:
            return try Sequential([
                try MaxPool2d(kernelSize: 2), try block("\(name).1", from: 32, to: 32),
                try AvgPool2d(kernelSize: 8), try Flatten(), try linear("\(name).4", 32),
            ])
        default:
            return try Sequential([
                try AvgPool2d(kernelSize: 8), try Flatten(), try linear("\(name).2", 64),
            ])
        }
    }

    private mutating func linear(
        _ name: String, _ inputs: Int
    ) throws(ProteanError) -> any Layer {
        blocks.add(name, try Linear(inputFeatures: inputs, outputFeatures: classes))
    }
}
