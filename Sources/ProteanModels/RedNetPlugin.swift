import Protean

/// `rednet26` with the keys of the authors' classifiers.
struct RedNetPlugin: ModelPlugin {
    let name = "rednet26"
    let summary = "RedNet-26 for ImageNet, involutions for convolutions, mmcls's keys (arXiv 2103.06255)"
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    let landmarkKeys = [
        "backbone.stem.1.conv2.conv.weight", "backbone.layer3.3.conv2.conv1.conv.weight",
        "backbone.layer4.0.downsample.0.weight", "head.fc.weight",
    ]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try RedNet(
            stages: [1, 2, 4, 1],
            classes: try configuration.integer("num_classes", default: 1000))
    }
}
