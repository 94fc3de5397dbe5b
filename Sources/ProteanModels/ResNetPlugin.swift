import Protean

/// ResNets for ImageNet with torchvision's names, keys and preprocessing, and a deformable one with
/// mmcv's.
struct ResNetPlugin: ModelPlugin {
    let name: String
    let summary: String
    let block: ResNet.Block
    let stages: [Int]
    var deformableStages = 0..<0
    let landmarkKeys: [String]
    /// timm has them under the same names, with the same keys.
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] {
        deformableStages.isEmpty ? [name: [:]] : [:]
    }

    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }

    init(layers: Int, block: ResNet.Block, stages: [Int]) {
        name = "resnet\(layers)"
        summary = "ResNet-\(layers) for ImageNet, torchvision's keys (arXiv 1512.03385)"
        self.block = block
        self.stages = stages
        landmarkKeys = Self.landmarks(block, stages)
    }

    /// Keys of every block's convolutions, and keys that all ResNets have.
    static func landmarks(_ block: ResNet.Block, _ stages: [Int]) -> [String] {
        let convolutions = 1...(block == .basic ? 2 : 3)
        var keys = ["fc.weight", "layer4.0.downsample.0.weight"]
        for (stage, count) in stages.enumerated() {
            for index in 0..<count {
                keys += convolutions.map { "layer\(stage + 1).\(index).conv\($0).weight" }
            }
        }
        return keys
    }

    /// ResNet-50 whose 3 × 3 convolutions are deformable from the second stage on.
    private init(deformable stages: [Int]) {
        name = "resnet50_dcn"
        summary =
            "ResNet-50 with modulated deformable 3x3 convolutions in layer2 to layer4, mmcv's keys "
            + "(arXiv 1811.11168)"
        block = .bottleneck
        self.stages = stages
        deformableStages = 1..<4
        landmarkKeys =
            Self.landmarks(.bottleneck, stages) + ["layer3.5.conv2.conv_offset.weight"]
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try ResNet(
            block: block, stages: stages,
            classes: try configuration.integer("num_classes", default: 1000),
            deformableStages: deformableStages)
    }

    /// Older names of the offsets' convolutions are accepted too.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        deformableStages.isEmpty ? .identity : .deformable
    }

    static let all: [any ModelPlugin] = [
        ResNetPlugin(layers: 18, block: .basic, stages: [2, 2, 2, 2]),
        ResNetPlugin(layers: 34, block: .basic, stages: [3, 4, 6, 3]),
        ResNetPlugin(layers: 50, block: .bottleneck, stages: [3, 4, 6, 3]),
        ResNetPlugin(layers: 101, block: .bottleneck, stages: [3, 4, 23, 3]),
        ResNetPlugin(deformable: [3, 4, 6, 3]),
    ]
}
