import Protean

/// `efficientnet_lite0` with the PyTorch ports' keys and preprocessing.
struct EfficientNetLite0Plugin: ModelPlugin {
    let name = "efficientnet_lite0"
    let summary = "EfficientNet-Lite0 for ImageNet (arXiv 1905.11946)"
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }

    var preprocessing: ImagePreprocessing? {
        // (x − 127) / 128 on values in 0...255.
        ImagePreprocessing(
            resizeShorterSide: 256, interpolation: .bicubic, cropHeight: 224, cropWidth: 224,
            mean: [127 / 255, 127 / 255, 127 / 255],
            deviation: [128 / 255, 128 / 255, 128 / 255])
    }

    let landmarkKeys = ["_blocks.15._project_conv.weight", "_conv_head.weight", "_fc.weight"]

    /// timm has the published weights, with TensorFlow's padding, under `tf_efficientnet_lite0`, and
    /// others, trained with symmetric padding, under `efficientnet_lite0`.
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] {
        [
            "efficientnet_lite0": [:],
            "tf_efficientnet_lite0": ["pad_type": .string("same"), "bn_eps": .number(1e-3)],
        ]
    }

    /// A file with timm's keys under this name is timm's `efficientnet_lite0`.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        guard TimmKey.areUsed(in: checkpoint), configuration.values["pad_type"] == nil else {
            return []
        }
        configuration.values["pad_type"] = .string("")
        if configuration.values["bn_eps"] == nil { configuration.values["bn_eps"] = .number(1e-5) }
        return [
            "the keys are timm's: built as timm's efficientnet_lite0, with symmetric padding; for "
                + "weights of tf_efficientnet_lite0 give that name"
        ]
    }

    /// timm's names are known too.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        guard TimmKey.areUsed(in: checkpoint) else { return .identity }
        return KeyMap { key in
            guard let known = TimmKey(key, repeats: EfficientNetLite0.repeats) else { return key }
            return Self.path(of: known)
        }
    }

    /// `num_classes`, timm's `pad_type` (`same` or nothing for symmetric padding) and `bn_eps`.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "pad_type", "bn_eps"])
        let padding = try configuration.string("pad_type", default: "same")
        guard ["same", ""].contains(padding) else {
            throw .invalidOption(
                layer: "configuration", option: "pad_type", expected: "same or nothing",
                found: "'\(padding)'")
        }
        let eps = try configuration.number("bn_eps", default: 1e-3)
        guard eps > 0, eps <= 1 else {
            throw .invalidOption(
                layer: "configuration", option: "bn_eps", expected: "above 0 and at most 1",
                found: "\(eps)")
        }
        return try EfficientNetLite0(
            classes: try configuration.integer("num_classes", default: 1000),
            symmetricPadding: padding.isEmpty, eps: eps)
    }

    /// The path of the parameter for one of timm's keys.
    private static func path(of key: TimmKey) -> String {
        let block = "_blocks.\(key.block)"
        let module =
            switch key.place {
            case .stem: "_conv_stem"
            case .stemNorm: "_bn0"
            case .convolution(.expand): "\(block)._expand_conv"
            case .norm(.expand): "\(block)._bn0"
            case .convolution(.depthwise): "\(block)._depthwise_conv"
            case .norm(.depthwise): "\(block)._bn1"
            case .convolution(.project): "\(block)._project_conv"
            case .norm(.project): "\(block)._bn2"
            case .head: "_conv_head"
            case .headNorm: "_bn1"
            case .classifier: "_fc"
            }
        return "\(module).\(key.parameter)"
    }
}
