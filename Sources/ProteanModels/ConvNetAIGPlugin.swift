import Protean

/// ConvNet-AIG under the names of its published files, and those of torchvision's ResNets.
struct ConvNetAIGPlugin: ModelPlugin {
    private let backbone: SkipNet.Backbone

    var name: String { "convnet_aig_resnet\(backbone.layers)\(backbone.suffix)" }
    var summary: String {
        "ConvNet-AIG, ResNet-\(backbone.layers) for \(backbone.dataSet) with a gate in every block, "
            + "the published keys (arXiv 1711.11503)"
    }
    var inputShape: [Int] { backbone.inputShape }
    var classNames: [String] { backbone.classNames }
    var preprocessing: ImagePreprocessing? { backbone.preprocessing }

    var landmarkKeys: [String] {
        ["linear.weight", "layer1.0.fc1bn.weight"]
            + backbone.lastBlocks { "layer\($0).\($1).fc2.weight" }
    }

    /// `num_classes`, and `seed`, which lets the gates draw at random as in the published code.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "seed"])
        let seed = try configuration.integer("seed")
        return try ConvNetAIG(
            backbone,
            classes: try configuration.integer("num_classes", default: backbone.classes),
            sampling: seed.map { UInt64(bitPattern: Int64($0)) })
    }

    static let all: [any ModelPlugin] = [
        ConvNetAIGPlugin(backbone: .cifar(depth: 110)),
        ConvNetAIGPlugin(backbone: .imageNet(layers: 50)),
        ConvNetAIGPlugin(backbone: .imageNet(layers: 101)),
    ]
}
