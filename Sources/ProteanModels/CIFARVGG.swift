import Protean

/// VGG with batch norm for 32 × 32 images: blocks of 3 × 3 convolutions, each block followed by a
/// maximum over 2 × 2 pixels, and one linear classifier.
///
/// Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv
/// 1409.1556, in the form that is usual for CIFAR: every convolution has a bias and a batch norm,
/// and the classifier is one layer. Input `[batch, 32, 32, 3]` (other sizes work; the last map is
/// averaged), output `[batch, classes]`. Parameters `features.{i}.*` in the order of convolution, norm,
/// activation and pool, and `classifier.*`. VGG-16 has 14,728,266 parameters for 10 classes.
public final class CIFARVGG: Layer {
    /// Channels of the convolutions of each block, for depth 11, 13, 16 and 19.
    private static let blocks: [Int: [[Int]]] = [
        11: [[64], [128], [256, 256], [512, 512], [512, 512]],
        13: [[64, 64], [128, 128], [256, 256], [512, 512], [512, 512]],
        16: [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]],
        19: [
            [64, 64], [128, 128], [256, 256, 256, 256], [512, 512, 512, 512],
            [512, 512, 512, 512],
        ],
    ]

    private struct Step: Sendable {
        let index: Int
        let conv: Conv2d
        let norm: BatchNorm2d
        let fused: FusedConv2d
        /// Whether the block ends here.
        let pools: Bool
    }

    private let steps: [Step]
    private let pool: MaxPool2d
    private let avgpool = GlobalAveragePool2d()
    private let classifier: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - depth: 11, 13, 16 or 19.
    ///   - classes: size of the output.
    ///   - width: factor of all channel counts, for small experiments; rounded up to a whole number.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        depth: Int = 16, classes: Int = 10, width: Double = 1
    ) throws(ProteanError) {
        guard let blocks = Self.blocks[depth] else {
            throw .invalidOption(
                layer: "CIFARVGG", option: "depth", expected: "11, 13, 16 or 19",
                found: "\(depth)")
        }
        guard width > 0, width <= 16 else {
            throw .invalidOption(
                layer: "CIFARVGG", option: "width", expected: "above 0, at most 16",
                found: "\(width)")
        }
        var steps: [Step] = [], index = 0, channels = 3
        for block in blocks {
            for (position, size) in block.enumerated() {
                let outputs = Int((Double(size) * width).rounded(.up))
                let conv = try Conv2d(
                    inputChannels: channels, outputChannels: outputs, kernelSize: 3, padding: 1)
                let norm = try BatchNorm2d(channels: outputs)
                let isLast = position == block.count - 1
                steps.append(
                    Step(
                        index: index, conv: conv, norm: norm,
                        fused: try FusedConv2d(conv, norm, .relu), pools: isLast))
                channels = outputs
                index += isLast ? 4 : 3
            }
        }
        self.steps = steps
        pool = try MaxPool2d(kernelSize: 2)
        classifier = try Linear(inputFeatures: channels, outputFeatures: classes)
    }

    /// `features.{i}` and `classifier`.
    public var submodules: [NamedModule] {
        steps.flatMap {
            [
                NamedModule("features.\($0.index)", $0.conv),
                NamedModule("features.\($0.index + 1)", $0.norm),
            ]
        } + [NamedModule("classifier", classifier)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for step in steps {
            y = try step.fused(y)
            if step.pools { y = try pool(y) }
        }
        return try classifier(try avgpool(y))
    }
}

extension CIFARVGG: StageableNetwork {
    /// The network as a list of steps.
    public func blueprint() throws(ProteanError) -> NetworkBlueprint {
        var list = NetworkBlueprint(classifierName: "classifier", classifier: classifier)
        var last = NetworkBlueprint.image
        for step in steps {
            let norm = NetworkBlueprint.NamedNorm("features.\(step.index + 1)", step.norm)
            last = list.add(
                "features.\(step.index)",
                .convolution(step.conv, norm: norm, activation: .relu), reading: last)
            if step.pools {
                last = list.add(
                    "features.\(step.index + 3)", .maxPool(pool.window), reading: last)
            }
        }
        return list
    }
}
