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
/// accompanied by `conv2.conv_offset.weight` and `.bias`, as in mmcv. Or the blocks' convolutions mix
/// their kernels per image, see ``Convolutions``.
///
/// ```swift
/// let resnet50 = try ResNet(block: .bottleneck, stages: [3, 4, 6, 3])
/// let deformable = try ResNet(
///     block: .bottleneck, stages: [3, 4, 6, 3], deformableStages: 1..<4)
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
    }

    private let conv1: Conv2d
    private let bn1: BatchNorm2d
    private let stem: FusedConv2d
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
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        block: Block, stages counts: [Int], width: Int = 64, classes: Int = 1000,
        deformableStages: Range<Int> = 0..<0, convolutions: Convolutions = .plain
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
        conv1 = try Conv2d(
            inputChannels: 3, outputChannels: width, kernelSize: 7, stride: 2, padding: 3,
            bias: false)
        bn1 = try BatchNorm2d(channels: width)
        stem = try FusedConv2d(conv1, bn1, .relu)
        maxpool = try MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
        var channels = width
        var stages: [Sequential] = []
        for (stage, count) in counts.enumerated() {
            var blocks: [any Layer] = []
            for index in 0..<count {
                let made = try ResNetBlock(
                    block, from: channels, width: width << stage,
                    stride: stage > 0 && index == 0 ? 2 : 1,
                    isDeformable: deformableStages.contains(stage), convolutions)
                channels = made.outputChannels
                blocks.append(made)
            }
            stages.append(try Sequential(blocks))
        }
        self.stages = stages
        fc = try Linear(inputFeatures: channels, outputFeatures: classes)
    }

    /// `conv1`, `bn1`, `layer1`, `layer2`, … and `fc`.
    public var submodules: [NamedModule] {
        [NamedModule("conv1", conv1), NamedModule("bn1", bn1)]
            + stages.enumerated().map { NamedModule("layer\($0.offset + 1)", $0.element) }
            + [NamedModule("fc", fc)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = try maxpool(try stem(x))
        for stage in stages { y = try stage(y) }
        return try fc(try avgpool(y))
    }
}

/// relu(bn(conv(… relu(bn1(conv1(x)))))) + shortcut(x)), the shortcut being `x` or a 1 × 1
/// convolution with batch norm where size or channels change.
private final class ResNetBlock: Layer {
    let outputChannels: Int

    private let parts: [NamedModule]
    private let steps: [Step]
    private let last: Step
    private let downsample: Sequential?

    /// A convolution, its batch norm and a ReLU.
    private struct Step {
        let convolution: any Module
        let norm: BatchNorm2d
        let run: @Sendable (Tensor, _ residual: Tensor?) throws(ProteanError) -> Tensor

        init(_ convolution: any FoldsNorm, outputs: Int) throws(ProteanError) {
            norm = try BatchNorm2d(channels: outputs)
            self.convolution = convolution
            let fused = try convolution.folding(norm)
            run = { x, residual throws(ProteanError) in
                try fused(x, epilogue: Conv2dEpilogue(activation: .relu, residual: residual))
            }
        }

        init(_ convolution: ModulatedDeformableConv2d) throws(ProteanError) {
            norm = try BatchNorm2d(channels: convolution.geometry.outputChannels)
            self.convolution = convolution
            let fused = try FusedModulatedDeformableConv2d(convolution, norm, .relu)
            run = { x, residual throws(ProteanError) in try fused(x, residual: residual) }
        }
    }

    init(
        _ block: ResNet.Block, from inputs: Int, width: Int, stride: Int, isDeformable: Bool,
        _ kind: ResNet.Convolutions
    ) throws(ProteanError) {
        let outputs = width * block.expansion
        func step(
            from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1
        ) throws(ProteanError) -> Step {
            try Step(
                Self.convolution(kind, from: inputs, to: outputs, kernel: kernel, stride: stride),
                outputs: outputs)
        }
        let stack: [Step] =
            switch block {
            case .basic:
                [
                    try step(from: inputs, to: width, kernel: 3, stride: stride),
                    try step(from: width, to: outputs, kernel: 3),
                ]
            case .bottleneck:
                [
                    try step(from: inputs, to: width, kernel: 1),
                    isDeformable
                        ? try Step(Self.deformable(width, stride: stride))
                        : try step(from: width, to: width, kernel: 3, stride: stride),
                    try step(from: width, to: outputs, kernel: 1),
                ]
            }
        outputChannels = outputs
        steps = stack.dropLast()
        last = stack[stack.count - 1]
        downsample =
            stride == 1 && inputs == outputs
            ? nil : try Self.projection(kind, from: inputs, to: outputs, stride: stride)
        parts =
            stack.enumerated().flatMap { index, step in
                [
                    NamedModule("conv\(index + 1)", step.convolution),
                    NamedModule("bn\(index + 1)", step.norm),
                ]
            } + (downsample.map { [NamedModule("downsample", $0)] } ?? [])
    }

    private static func convolution(
        _ kind: ResNet.Convolutions, from inputs: Int, to outputs: Int, kernel: Int, stride: Int
    ) throws(ProteanError) -> any FoldsNorm {
        let (side, step) = (Size2d(kernel), Size2d(stride))
        let padding = Padding2d.symmetric(kernel / 2)
        switch kind {
        case .plain:
            return try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: side, stride: step,
                padding: padding, bias: false)
        case .dynamic(let experts):
            return try DynamicConv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: side, stride: step,
                padding: padding, bias: false, experts: experts)
        case .omniDimensional(let experts, let reduction):
            return try ODConv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: kernel, stride: step,
                padding: padding, reduction: reduction, experts: experts)
        }
    }

    private static func deformable(
        _ width: Int, stride: Int
    ) throws(ProteanError) -> ModulatedDeformableConv2d {
        try ModulatedDeformableConv2d(
            inputChannels: width, outputChannels: width, kernelSize: 3, stride: Size2d(stride),
            padding: 1, bias: false)
    }

    private static func projection(
        _ kind: ResNet.Convolutions, from inputs: Int, to outputs: Int, stride: Int
    ) throws(ProteanError) -> Sequential {
        var own = kind
        if case .omniDimensional = kind { own = .plain }
        let conv = try convolution(own, from: inputs, to: outputs, kernel: 1, stride: stride)
        return try Sequential([conv, try BatchNorm2d(channels: outputs)])
    }

    var submodules: [NamedModule] { parts }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side = try downsample?(x) ?? x
        var y = x
        for step in steps { y = try step.run(y, nil) }
        return try last.run(y, side)
    }
}
