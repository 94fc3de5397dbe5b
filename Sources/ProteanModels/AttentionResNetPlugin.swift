import Protean

/// ResNet-50 with attention: `se_resnet50`, `cbam_resnet50`, `eca_resnet50`, `skresnet50` and
/// `resnest50`.
struct AttentionResNetPlugin: ModelPlugin {
    /// Where a block has attention.
    private enum Kind {
        case squeezeExcitation, cbam, efficientChannel, selectiveKernel, splitAttention
    }

    let name: String
    let summary: String
    let landmarkKeys: [String]
    let timmArchitectures: [String: [String: ModelConfiguration.Value]]
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    private let kind: Kind

    private init(
        _ kind: Kind, name: String, summary: String, timm: String? = nil, landmarks: [String]
    ) {
        self.kind = kind
        self.name = name
        self.summary = summary
        timmArchitectures = timm.map { [$0: [:]] } ?? [:]
        landmarkKeys = landmarks + ["fc.weight", "layer3.5.conv1.weight", "layer4.2.conv1.weight"]
    }

    static let all: [any ModelPlugin] = [
        AttentionResNetPlugin(
            .squeezeExcitation, name: "se_resnet50",
            summary: "ResNet-50 with squeeze and excitation, keys of timm's seresnet50 or "
                + "moskomule's (arXiv 1709.01507)",
            timm: "seresnet50", landmarks: ["layer1.0.conv3.weight", "layer4.2.conv3.weight"]),
        AttentionResNetPlugin(
            .cbam, name: "cbam_resnet50",
            summary: "ResNet-50 with CBAM, keys of the authors' or of timm's attention "
                + "(arXiv 1807.06521)",
            landmarks: ["layer1.0.conv3.weight", "layer4.2.cbam.SpatialGate.spatial.conv.weight"]),
        AttentionResNetPlugin(
            .efficientChannel, name: "eca_resnet50",
            summary: "ResNet-50 with efficient channel attention, keys of the authors or of timm's "
                + "attention (arXiv 1910.03151)",
            landmarks: ["layer1.0.conv3.weight", "layer4.2.eca.conv.weight"]),
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

    /// The form of the attention, and the sizes of its kernels, are those of the file.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        func shape(_ key: String) -> [Int]? {
            checkpoint.names.first { $0 == key || $0.hasSuffix("." + key) }
                .flatMap { checkpoint[$0]?.shape }
        }
        var notes: [String] = []
        if configuration.values["variant"] == nil, let form = otherForm, shape(form.key) != nil {
            configuration.values["variant"] = .string(form.variant)
            notes.append("the file has \(form.key): variant is \(form.variant)")
        }
        if kind == .efficientChannel, configuration.values["k_size"] == nil {
            let sizes = (1...4).compactMap { stage in
                (shape("layer\(stage).0.eca.conv.weight") ?? shape("layer\(stage).0.se.conv.weight"))?
                    .last
            }
            if sizes.count == 4, sizes != [3, 3, 3, 3] {
                configuration.values["k_size"] = .array(sizes.map { .number(Double($0)) })
                notes.append(
                    "the file's attentions have kernels of sizes \(sizes): k_size is these")
            }
        }
        return notes
    }

    /// A key that files of the form that is not the default have, and the form's name.
    private var otherForm: (key: String, variant: String)? {
        switch kind {
        case .squeezeExcitation: ("layer1.0.se.fc.0.weight", "linear")
        case .cbam: ("layer1.0.se.channel.fc1.weight", "timm")
        case .efficientChannel: ("layer1.0.se.conv.weight", "timm")
        default: nil
        }
    }

    /// `num_classes`; of `se_resnet50` also `variant`: `timm` (default) or `linear`; of
    /// `cbam_resnet50` and `eca_resnet50` `original` (default) or `timm`; of `eca_resnet50`
    /// `k_size`, the size of the attention's kernel in each stage ([3, 3, 3, 3]).
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(
            known: ["num_classes"] + (otherForm == nil ? [] : ["variant"])
                + (kind == .efficientChannel ? ["k_size"] : []))
        let classes = try configuration.integer("num_classes", default: 1000)
        let (convolutions, attention, name) = try parts(configuration)
        return try ResNet(
            block: .bottleneck, stages: [3, 4, 6, 3], classes: classes,
            convolutions: convolutions, attention: attention, attentionName: name)
    }

    private func parts(
        _ configuration: ModelConfiguration
    ) throws(ProteanError) -> (ResNet.Convolutions, AttentionSlot, name: String) {
        switch kind {
        case .selectiveKernel: return (.selectiveKernel, .none, "")
        case .splitAttention: return (.splitAttention(radix: 2), .none, "")
        case .squeezeExcitation:
            let variant: SqueezeExcitation.Variant = try Self.variant(
                configuration, [.timm, .linear])
            return (.plain, .squeezeExcitation(variant: variant), "se")
        case .cbam:
            let variant: CBAM.Variant = try Self.variant(configuration, [.original, .timm])
            return (.plain, .cbam(variant: variant), variant == .timm ? "se" : "cbam")
        case .efficientChannel:
            let variant: CBAM.Variant = try Self.variant(configuration, [.original, .timm])
            let attention = try Self.efficientChannel(configuration)
            return (.plain, attention, variant == .timm ? "se" : "eca")
        }
    }

    private static func efficientChannel(
        _ configuration: ModelConfiguration
    ) throws(ProteanError) -> AttentionSlot {
        let sizes = try configuration.integers("k_size") ?? [3, 3, 3, 3]
        guard sizes.count == 4 else {
            throw .invalidOption(
                layer: "configuration", option: "k_size", expected: "4 sizes", found: "\(sizes)")
        }
        return AttentionSlot { channels throws(ProteanError) in
            // Stages have 256, 512, 1024 and 2048 channels.
            let stage = min(max((channels / 256).trailingZeroBitCount, 0), 3)
            return try EfficientChannelAttention(kernelSize: sizes[stage])
        }
    }

    /// The form of the attention; the first of `allowed` by default.
    private static func variant<Variant: RawRepresentable<String>>(
        _ configuration: ModelConfiguration, _ allowed: [Variant]
    ) throws(ProteanError) -> Variant {
        let name = try configuration.string("variant", default: allowed[0].rawValue)
        guard let variant = allowed.first(where: { $0.rawValue == name }) else {
            throw .invalidOption(
                layer: "configuration", option: "variant",
                expected: allowed.map(\.rawValue).joined(separator: " or "), found: name)
        }
        return variant
    }
}
