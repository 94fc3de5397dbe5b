import Protean

/// ResNet-50 with attention: `se_resnet50`, `skresnet50` and `resnest50`.
struct AttentionResNetPlugin: ModelPlugin {
    /// Where a block has attention.
    private enum Kind { case squeezeExcitation, selectiveKernel, splitAttention }

    let name: String
    let summary: String
    let landmarkKeys: [String]
    let timmArchitectures: [String: [String: ModelConfiguration.Value]]
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    private let kind: Kind

    private init(
        _ kind: Kind, name: String, summary: String, timm: String, landmarks: [String]
    ) {
        self.kind = kind
        self.name = name
        self.summary = summary
        timmArchitectures = timm == name ? [:] : [timm: [:]]
        landmarkKeys = landmarks + ["fc.weight", "layer3.5.conv1.weight", "layer4.2.conv1.weight"]
    }

    static let all: [any ModelPlugin] = [
        AttentionResNetPlugin(
            .squeezeExcitation, name: "se_resnet50",
            summary: "ResNet-50 with squeeze and excitation, keys of timm's seresnet50 or "
                + "moskomule's (arXiv 1709.01507)",
            timm: "seresnet50", landmarks: ["layer1.0.conv3.weight", "layer4.2.conv3.weight"]),
        AttentionResNetPlugin(
            .selectiveKernel, name: "skresnet50",
            summary: "ResNet-50 with selective kernels, timm's keys (arXiv 1903.06586)",
            timm: "skresnet50",
            landmarks: [
                "layer1.0.conv2.paths.1.conv.weight", "layer4.2.conv2.attn.fc_select.weight",
            ]),
        AttentionResNetPlugin(
            .splitAttention, name: "resnest50",
            summary: "ResNeSt-50 of split attention, the authors' keys and timm's resnest50d "
                + "(arXiv 2004.08955)",
            timm: "resnest50d",
            landmarks: ["layer1.0.conv2.bn0.weight", "layer4.2.conv2.fc2.weight"]),
    ]

    /// The form of squeeze and excitation is that of the file.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        guard kind == .squeezeExcitation, configuration.values["variant"] == nil else { return [] }
        let key = "layer1.0.se.fc.0.weight"
        guard checkpoint.names.contains(where: { $0 == key || $0.hasSuffix("." + key) }) else {
            return []
        }
        configuration.values["variant"] = .string("linear")
        return ["the gates are linear layers without bias: variant is linear"]
    }

    /// `num_classes`; of `se_resnet50` also `variant`: `timm` (default) or `linear`.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        let isSqueezing = kind == .squeezeExcitation
        try configuration.requireOnly(known: ["num_classes"] + (isSqueezing ? ["variant"] : []))
        let classes = try configuration.integer("num_classes", default: 1000)
        let stages = [3, 4, 6, 3]
        switch kind {
        case .squeezeExcitation:
            return try ResNet(
                block: .bottleneck, stages: stages, classes: classes,
                attention: .squeezeExcitation(variant: Self.variant(configuration)))
        case .selectiveKernel:
            return try ResNet(
                block: .bottleneck, stages: stages, classes: classes,
                convolutions: .selectiveKernel)
        case .splitAttention:
            return try ResNet(
                block: .bottleneck, stages: stages, classes: classes,
                convolutions: .splitAttention(radix: 2))
        }
    }

    private static func variant(
        _ configuration: ModelConfiguration
    ) throws(ProteanError) -> SqueezeExcitation.Variant {
        let name = try configuration.string("variant", default: "timm")
        guard let variant = SqueezeExcitation.Variant(rawValue: name),
            [.timm, .linear].contains(variant)
        else {
            throw .invalidOption(
                layer: "configuration", option: "variant", expected: "timm or linear", found: name)
        }
        return variant
    }
}
