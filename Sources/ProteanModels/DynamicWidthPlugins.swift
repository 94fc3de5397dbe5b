import Protean

/// Networks whose width depends on the image.
enum DynamicWidthPlugins {
    static let all: [any ModelPlugin] =
        [
            FBSMCifarNetPlugin(), S2DNASResNetPlugin(), RNPVGG16Plugin(), DSMobileNetPlugin(),
            CGResNetPlugin(),
        ] + StaticCIFARPlugin.all
}

/// `rnp_vgg16` under torchvision's keys for the image network.
struct RNPVGG16Plugin: ModelPlugin {
    let name = "rnp_vgg16"
    let summary = "VGG-16 with runtime neural pruning (NIPS 2017), torchvision's keys and `policy`"
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }
    let landmarkKeys = ["features.28.weight", "policy.encoders.12.weight", "policy.rnn.weight_hh"]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "groups", "code", "hidden"])
        return try RNPVGG16(
            classes: try configuration.integer("num_classes", default: 1000),
            groups: try configuration.integer("groups", default: 4),
            code: try configuration.integer("code", default: 128),
            hidden: try configuration.integer("hidden", default: 128))
    }
}

/// Static networks for 32 × 32 images that ``Staging`` converts.
struct StaticCIFARPlugin: ModelPlugin {
    let name: String
    let summary: String
    let landmarkKeys: [String]
    let make: @Sendable (Int) throws(ProteanError) -> any Layer

    let inputShape = [1, 32, 32, 3]
    var classNames: [String] { CIFARResNetPlugin.classNames }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try make(try configuration.integer("num_classes", default: 10))
    }

    static let all: [any ModelPlugin] = [
        StaticCIFARPlugin(
            name: "vgg16_bn_cifar",
            summary: "VGG-16 with batch norm for CIFAR-10 (arXiv 1409.1556)",
            landmarkKeys: ["features.40.weight", "features.41.running_mean", "classifier.weight"],
            make: { (classes) throws(ProteanError) in try CIFARVGG(classes: classes) }),
        StaticCIFARPlugin(
            name: "densenet_bc100_cifar",
            summary: "DenseNet-BC, depth 100, growth 12, for CIFAR-10 (arXiv 1608.06993)",
            landmarkKeys: [
                "features.denseblock3.denselayer16.conv2.weight", "features.norm_final.weight",
                "classifier.weight",
            ],
            make: { (classes) throws(ProteanError) in try CIFARDenseNet(classes: classes) }),
    ]
}
