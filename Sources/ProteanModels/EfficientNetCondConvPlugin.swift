import Protean

/// `efficientnet_cc_b0_4e` and `_8e` and their `tf_` forms, with timm's keys and preprocessing.
struct EfficientNetCondConvPlugin: ModelPlugin {
    let name: String
    let summary: String
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }

    private let experts: Int
    /// Whether padding, batch norm and preprocessing are TensorFlow's.
    private let isTF: Bool

    private init(experts: Int, isTF: Bool) {
        self.experts = experts
        self.isTF = isTF
        name = (isTF ? "tf_" : "") + "efficientnet_cc_b0_\(experts)e"
        summary =
            "EfficientNet-B0 with \(experts) experts per convolution in the last stages, timm's keys"
            + (isTF ? ", TensorFlow's padding" : "") + " (arXiv 1904.04971)"
    }

    static let all: [any ModelPlugin] = [4, 8].flatMap { experts in
        [false, true].map { EfficientNetCondConvPlugin(experts: experts, isTF: $0) }
    }

    /// timm's. The published weights are those of the `tf_` forms.
    var preprocessing: ImagePreprocessing? {
        let half: [Float] = [0.5, 0.5, 0.5]
        return ImagePreprocessing(
            resizeShorterSide: 256, interpolation: .bicubic, cropHeight: 224, cropWidth: 224,
            mean: isTF ? half : ImagePreprocessing.imageNetMean,
            deviation: isTF ? half : ImagePreprocessing.imageNetDeviation)
    }

    /// timm has them under the same names.
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] { [name: [:]] }

    let landmarkKeys = [
        "blocks.4.0.routing_fn.weight", "blocks.5.3.routing_fn.weight", "conv_head.weight",
        "classifier.weight",
    ]

    /// `num_classes`, timm's `pad_type` (`same` or nothing for symmetric padding) and `bn_eps`.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "pad_type", "bn_eps"])
        let padding = try configuration.string("pad_type", default: isTF ? "same" : "")
        guard ["same", ""].contains(padding) else {
            throw .invalidOption(
                layer: "configuration", option: "pad_type", expected: "same or nothing",
                found: "'\(padding)'")
        }
        let eps = try configuration.number("bn_eps", default: isTF ? 1e-3 : 1e-5)
        guard eps > 0, eps <= 1 else {
            throw .invalidOption(
                layer: "configuration", option: "bn_eps", expected: "above 0 and at most 1",
                found: "\(eps)")
        }
        return try EfficientNetCondConv(
            experts: experts,
            classes: try configuration.integer("num_classes", default: 1000),
            symmetricPadding: padding.isEmpty, eps: eps)
    }
}
