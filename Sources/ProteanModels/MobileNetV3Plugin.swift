import Protean

/// `mobilenetv3_large` and `mobilenetv3_small` with torchvision's keys and preprocessing, and
/// `mobilenetv3_large_dyrelu`.
struct MobileNetV3Plugin: ModelPlugin {
    let name: String
    let summary: String
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }
    let landmarkKeys: [String]

    private let size: MobileNetV3.Size
    private let isDynamic: Bool

    private init(_ size: MobileNetV3.Size, isDynamic: Bool = false) {
        self.size = size
        self.isDynamic = isDynamic
        name = "mobilenetv3_\(size.rawValue)" + (isDynamic ? "_dyrelu" : "")
        let title = size.rawValue.prefix(1).uppercased() + size.rawValue.dropFirst()
        summary =
            isDynamic
            ? "MobileNetV3-\(title) with dynamic ReLU for its activations and gates, "
                + "torchvision's keys (arXiv 2003.10027)"
            : "MobileNetV3-\(title) for ImageNet, torchvision's keys (arXiv 1905.02244)"
        let blocks = size.repeats.reduce(0, +)
        landmarkKeys =
            [
                "features.0.0.weight", "features.\(blocks + 1).0.weight", "classifier.0.weight",
                "classifier.3.weight",
            ]
            + (isDynamic
                ? ["features.0.2.fc1.weight"] : ["features.\(blocks).block.2.fc1.weight"])
    }

    static let all: [any ModelPlugin] =
        MobileNetV3.Size.allCases.map { MobileNetV3Plugin($0) }
        + [MobileNetV3Plugin(.large, isDynamic: true)]

    /// timm's networks of width 1, whose batch norms have the usual eps and whose last layer but one
    /// is a convolution.
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] {
        isDynamic ? [:] : [name + "_100": ["bn_eps": .number(1e-5), "conv_head": .bool(true)]]
    }

    /// A file with timm's keys is timm's network.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        guard !isDynamic, TimmKey.areUsed(in: checkpoint),
            configuration.values["conv_head"] == nil
        else { return [] }
        configuration.values["conv_head"] = .bool(true)
        if configuration.values["bn_eps"] == nil { configuration.values["bn_eps"] = .number(1e-5) }
        return [
            "the keys are timm's: built as timm's \(name)_100, whose batch norms have an eps of 1e-5"
        ]
    }

    /// timm's names are known too.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        guard !isDynamic, TimmKey.areUsed(in: checkpoint) else { return .identity }
        let size = size
        return KeyMap { MobileNetV3.path(of: $0, size: size) ?? $0 }
    }

    /// `num_classes` and timm's `bn_eps`; `conv_head` for a head whose weight is that of a 1 × 1
    /// convolution; for dynamic ReLU its `reduction` (8).
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(
            known: ["num_classes", "bn_eps"] + [isDynamic ? "reduction" : "conv_head"])
        let eps = try configuration.number("bn_eps", default: 1e-3)
        guard eps > 0, eps <= 1 else {
            throw .invalidOption(
                layer: "configuration", option: "bn_eps", expected: "above 0 and at most 1",
                found: "\(eps)")
        }
        var style = MobileNetV3.Style(eps: eps)
        if isDynamic {
            let reduction = try configuration.integer("reduction", default: 8)
            guard (1...16).contains(reduction) else {
                throw .invalidOption(
                    layer: "configuration", option: "reduction", expected: "1...16",
                    found: "\(reduction)")
            }
            style.activations = .dynamicReLU(reduction: reduction)
        } else {
            style.convolutionalHead = try configuration.bool("conv_head", default: false)
        }
        return try MobileNetV3(
            size, classes: try configuration.integer("num_classes", default: 1000), style: style)
    }
}
