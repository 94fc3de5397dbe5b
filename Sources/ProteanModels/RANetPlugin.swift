import Protean

/// RANets, alone or boosted (BoostNet).
struct RANetPlugin: ModelPlugin {
    let name: String
    let summary: String
    let options: RANet.Options
    var isBoosted = false

    var inputShape: [Int] { options.images.inputShape }
    var preprocessing: ImagePreprocessing? { options.images.preprocessing(options.classes) }
    var classNames: [String] { options.images.classNames(options.classes) }

    var landmarkKeys: [String] {
        [
            "FirstLayer.layers.\(options.scales.count - 1).net.0.weight",
            "scale_flows.\(options.scales.count - 1).0.conv_last.net.0.weight",
            "classifier.\(options.exits - 1).linear.weight",
        ]
    }

    static let keys = [
        "blocks", "block_step", "step", "stepmode", "channels", "growth", "scale_list", "grFactor",
        "bnFactor", "compress_factor", "reduction", "bnAfter", "num_classes",
    ]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(
            known: Self.keys + (isBoosted ? ["ensemble_reweight"] : []))
        var options = options
        options.blocks = try configuration.integer("blocks", default: options.blocks)
        options.blockStep = try configuration.integer("block_step", default: options.blockStep)
        options.step = try configuration.integer("step", default: options.step)
        options.steps = try configuration.choice("stepmode", default: options.steps)
        options.channels = try configuration.integer("channels", default: options.channels)
        options.growth = try configuration.integer("growth", default: options.growth)
        options.scales = try configuration.factors("scale_list") ?? options.scales
        options.growthFactors = try configuration.factors("grFactor") ?? options.growthFactors
        // The bottlenecks follow the channels unless they are given, as in all published recipes.
        options.bottleneckFactors = try configuration.factors("bnFactor") ?? options.growthFactors
        options.compression = try configuration.number(
            "compress_factor", default: options.compression)
        options.reduction = try configuration.number("reduction", default: options.reduction)
        options.normsAfter = try configuration.bool("bnAfter", default: options.normsAfter)
        options.classes = try configuration.integer("num_classes", default: options.classes)
        try options.check()
        if isBoosted { options.boosting = try configuration.boosting(exits: options.exits) }
        return try RANet.network(options)
    }

    /// The options of one of the three networks for budgets.
    private static func model(_ scales: [Int], _ factors: [Int]) -> RANet.Options {
        var options = RANet.Options()
        (options.steps, options.step) = (.growing, 2)
        options.scales = scales
        (options.growthFactors, options.bottleneckFactors) = (factors, factors)
        return options
    }

    private static let cifar10: RANet.Options = {
        var options = RANet.Options()
        options.classes = 10
        return options
    }()

    static let all: [any ModelPlugin] = [
        RANetPlugin(
            name: "ranet_cifar100",
            summary: "RANet for CIFAR-100 with eight exits, the authors' keys (arXiv 2003.07326)",
            options: RANet.Options()),
        RANetPlugin(
            name: "ranet_cifar10",
            summary: "RANet for CIFAR-10 with eight exits, the authors' keys (arXiv 2003.07326)",
            options: cifar10),
        RANetPlugin(
            name: "ranet_cifar100_model1",
            summary: "RANet for CIFAR-100 with three sub-networks and six exits (arXiv 2003.07326)",
            options: model([1, 2, 3], [4, 2, 1])),
        RANetPlugin(
            name: "ranet_cifar100_model2",
            summary:
                "RANet for CIFAR-100 with scales 1, 2, 2, 3 and eight exits (arXiv 2003.07326)",
            options: model([1, 2, 2, 3], [4, 2, 2, 1])),
        RANetPlugin(
            name: "ranet_cifar100_model3",
            summary:
                "RANet for CIFAR-100 with scales 1, 2, 3, 3 and eight exits (arXiv 2003.07326)",
            options: model([1, 2, 3, 3], [4, 2, 1, 1])),
        RANetPlugin(
            name: "ranet_imagenet",
            summary: "RANet for ImageNet with eight exits, the authors' keys (arXiv 2003.07326)",
            options: .imageNet(channels: 64)),
        RANetPlugin(
            name: "boostnet_ranet_cifar100",
            summary: "BoostNet on RANet for CIFAR-100, the authors' keys (arXiv 2211.16726)",
            options: RANet.Options(), isBoosted: true),
        RANetPlugin(
            name: "boostnet_ranet_imagenet",
            summary: "BoostNet on RANet for ImageNet, the authors' keys (arXiv 2211.16726)",
            options: .imageNet(channels: 64), isBoosted: true),
    ]
}
