import Protean

/// The published CIFAR-10 networks that ``CIFARResNet`` covers.
struct CIFARResNetPlugin: ModelPlugin {
    let name: String
    let summary: String
    let depth: Int
    let shortcut: CIFARResNet.Shortcut
    var gates: CIFARResNet.Gates?
    let classifierName: String
    let mean, deviation: [Float]

    let inputShape = [1, 32, 32, 3]
    /// The classes of CIFAR-10.
    static let classNames = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]
    var classNames: [String] { Self.classNames }

    /// Images of 32 × 32 pixels with the statistics of CIFAR-10.
    static var preprocessing: ImagePreprocessing { prepared(cifarMean, cifarDeviation) }

    var preprocessing: ImagePreprocessing? { Self.prepared(mean, deviation) }

    private static func prepared(_ mean: [Float], _ deviation: [Float]) -> ImagePreprocessing {
        ImagePreprocessing(
            resizeShorterSide: 32, interpolation: .bilinear, cropHeight: 32, cropWidth: 32,
            mean: mean, deviation: deviation)
    }

    var landmarkKeys: [String] {
        let last = (depth - 2) / 6 - 1
        return [
            "layer3.\(last).conv2.weight", "\(classifierName).weight",
        ] + (shortcut == .projection ? ["layer3.0.downsample.0.weight"] : [])
            + (gates.map { ["layer3.\(last).se.\(Self.landmark($0))"] } ?? [])
    }

    private static func landmark(_ gates: CIFARResNet.Gates) -> String {
        switch gates {
        case .squeezeExcitation: "fc.0.weight"
        case .styleRecalibration: "cfc.weight"
        }
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try CIFARResNet(
            depth: depth, classes: try configuration.integer("num_classes", default: 10),
            shortcut: shortcut, gates: gates, classifierName: classifierName)
    }

    private static let cifarMean: [Float] = [0.4914, 0.4822, 0.4465]
    private static let cifarDeviation: [Float] = [0.2023, 0.1994, 0.2010]

    static let all: [any ModelPlugin] = [
        CIFARResNetPlugin(
            name: "resnet20_cifar",
            summary: "ResNet-20 for CIFAR-10 with parameter-free shortcuts (arXiv 1512.03385)",
            depth: 20, shortcut: .padding, classifierName: "linear",
            mean: ImagePreprocessing.imageNetMean,
            deviation: ImagePreprocessing.imageNetDeviation),
        CIFARResNetPlugin(
            name: "resnet32_cifar",
            summary: "ResNet-32 for CIFAR-10 with projection shortcuts (arXiv 1512.03385)",
            depth: 32, shortcut: .projection, classifierName: "fc",
            mean: cifarMean, deviation: cifarDeviation),
        CIFARResNetPlugin(
            name: "se_resnet32_cifar",
            summary: "ResNet-32 with squeeze-and-excitation for CIFAR-10 (arXiv 1709.01507)",
            depth: 32, shortcut: .projection, gates: .squeezeExcitation, classifierName: "fc",
            mean: cifarMean, deviation: cifarDeviation),
        CIFARResNetPlugin(
            name: "srm_resnet32_cifar",
            summary: "ResNet-32 with style-based recalibration for CIFAR-10 (arXiv 1903.10829)",
            depth: 32, shortcut: .projection, gates: .styleRecalibration, classifierName: "fc",
            mean: cifarMean, deviation: cifarDeviation),
    ]
}
