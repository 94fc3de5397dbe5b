import Protean

/// ResNets for ImageNet with torchvision's names, keys and preprocessing.
struct ResNetPlugin: ModelPlugin {
    let name: String
    let summary: String
    let block: ResNet.Block
    let stages: [Int]

    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    init(layers: Int, block: ResNet.Block, stages: [Int]) {
        name = "resnet\(layers)"
        summary = "ResNet-\(layers) for ImageNet, torchvision's keys (arXiv 1512.03385)"
        self.block = block
        self.stages = stages
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try ResNet(
            block: block, stages: stages,
            classes: try configuration.integer("num_classes", default: 1000))
    }

    static let all: [any ModelPlugin] = [
        ResNetPlugin(layers: 18, block: .basic, stages: [2, 2, 2, 2]),
        ResNetPlugin(layers: 34, block: .basic, stages: [3, 4, 6, 3]),
        ResNetPlugin(layers: 50, block: .bottleneck, stages: [3, 4, 6, 3]),
        ResNetPlugin(layers: 101, block: .bottleneck, stages: [3, 4, 23, 3]),
    ]
}
