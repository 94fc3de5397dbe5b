import Protean

/// Glance and focus with ResNet-50 for ImageNet.
struct GFNetPlugin: ModelPlugin {
    let name = "gfnet_resnet50"
    let summary =
        "Glance and focus with ResNet-50, five looks, keys below model, model_prime, policy and fc "
        + "(arXiv 2010.05300)"
    let inputShape = [1, 224, 224, 3]
    let landmarkKeys = ["model_prime.layer4.2.conv3.weight", "policy.actor.0.weight"]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    /// `patch_size` (96 or 128 were published), `steps` and `num_classes`; for other backbones
    /// `block`, `layers`, `policy_hidden`, `fc_hidden`, `policy_conv` and `prime_interpolation`.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: [
            "patch_size", "steps", "num_classes", "block", "layers", "policy_hidden", "fc_hidden",
            "policy_conv", "prime_interpolation",
        ])
        var options = GFNet.Options()
        options.patchSize = try configuration.integer("patch_size", default: 96)
        options.steps = try configuration.integer("steps", default: 5)
        options.classes = try configuration.integer("num_classes", default: 1000)
        options.policyHidden = try configuration.integer("policy_hidden", default: 1024)
        options.classifierHidden = try configuration.integer("fc_hidden", default: 1024)
        options.policyConvolves = try configuration.bool("policy_conv", default: false)
        if let layers = try configuration.integers("layers") { options.stages = layers }
        let block = try configuration.string("block", default: "bottleneck")
        let mode = try configuration.string("prime_interpolation", default: "bicubic")
        guard let form = ResNet.Block(rawValue: block) else {
            throw .invalidOption(
                layer: name, option: "block", expected: "basic or bottleneck", found: block)
        }
        guard ["bicubic", "bilinear"].contains(mode) else {
            throw .invalidOption(
                layer: name, option: "prime_interpolation", expected: "bicubic or bilinear",
                found: mode)
        }
        (options.block, options.isBicubic) = (form, mode == "bicubic")
        return try GFNet(options)
    }
}
