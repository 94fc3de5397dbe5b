import Protean

/// M-CifarNet with feature boosting and suppression: eight convolutions, each of which computes the
/// channels that its input makes salient.
///
/// Gao, Zhao, Dudziak, Mullins, Xu, arXiv 1810.05331, in the form of FBS-practice for PyTorch. Input
/// `[batch, 32, 32, 3]`, output `[batch, classes]`. Parameters `layer{0…7}.conv.*`, `.bn.*`, `.weights`
/// and `.bias` (the predictor's), and `fc.*`. 174 M multiply-adds at density 1 and some
/// density² of them below, beside 0.15 M for the predictors.
public final class FBSMCifarNet: Layer {
    // Channels, stride, padding.
    private static let layers = [
        (64, 1, 0), (64, 1, 1), (128, 2, 1), (128, 1, 1), (128, 1, 1), (192, 2, 1), (192, 1, 1),
        (192, 1, 1),
    ]

    private let layers: [FeatureBoostedConv2d]
    private let fc: Linear

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - classes: size of the output.
    ///   - density: share of the channels that every layer computes, above 0 and at most 1.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(classes: Int = 10, density: Double = 1) throws(ProteanError) {
        var layers: [FeatureBoostedConv2d] = [], channels = 3
        for (index, (width, stride, padding)) in Self.layers.enumerated() {
            layers.append(
                try FeatureBoostedConv2d(
                    inputChannels: channels, outputChannels: width, kernelSize: 3,
                    stride: Size2d(stride), padding: .symmetric(padding), density: density,
                    variant: .boostedNorm, seed: UInt64(2 * index)))
            channels = width
        }
        self.layers = layers
        fc = try Linear(inputFeatures: channels, outputFeatures: classes)
    }

    /// `layer0` … `layer7` and `fc`.
    public var submodules: [NamedModule] {
        layers.enumerated().map { NamedModule("layer\($0.offset)", $0.element) }
            + [NamedModule("fc", fc)]
    }

    /// The classes' logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        if x.isShapeOnly {
            var y = x
            for layer in layers { y = try layer(y) }
            return try fc(try Tensor(shapeOnly: [x.shape.first ?? 0, fc.inputFeatures]))
        }
        var map = try SelectedMap(x)
        for layer in layers { map = try layer(map) }
        return try fc(try map.mean())
    }
}

/// `fbs_m_cifarnet` under FBS-practice's keys.
struct FBSMCifarNetPlugin: ModelPlugin {
    let name = "fbs_m_cifarnet"
    let summary = "M-CifarNet with feature boosting and suppression for CIFAR-10 (arXiv 1810.05331)"
    let inputShape = [1, 32, 32, 3]
    var classNames: [String] { CIFARResNetPlugin.classNames }
    let landmarkKeys = [
        "layer7.conv.weight", "layer7.weights", "layer7.bn.running_mean", "fc.weight",
    ]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "sparsity_ratio"])
        return try FBSMCifarNet(
            classes: try configuration.integer("num_classes", default: 10),
            density: try configuration.number("sparsity_ratio", default: 1))
    }
}
