import Protean

/// Makes the network known as `recalibrated_resnet32`, for files of EvgenyKashin/SRMnet.
public struct RecalibratedResNetPlugin: ModelPlugin {
    /// What users call it.
    public let name = "recalibrated_resnet32"
    /// One line for lists.
    public let summary = "ResNet-32 for CIFAR-10 with style-based recalibration (arXiv 1903.10829)"
    /// For one image, NHWC.
    public let inputShape = [1, 32, 32, 3]
    /// In order of the outputs.
    public let classNames = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]

    /// The plug-in.
    public init() {}

    /// (value / 255 − mean) / deviation per channel.
    public var preprocessing: ImagePreprocessing? {
        ImagePreprocessing(
            resizeShorterSide: 32, interpolation: .bilinear, cropHeight: 32, cropWidth: 32,
            mean: [0.4914, 0.4822, 0.4465], deviation: [0.2023, 0.1994, 0.2010])
    }

    /// `configuration` may say `num_classes` and `blocks`.
    public func makeModel(
        configuration: ModelConfiguration
    ) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "blocks"])
        return try RecalibratedResNet(
            blocks: configuration.integer("blocks", default: 5),
            classes: configuration.integer("num_classes", default: 10))
    }
}
