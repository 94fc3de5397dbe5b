import Protean

/// BlockDrop under the names of the two parts of its published files, `resnet` and `agent`.
struct BlockDropPlugin: ModelPlugin {
    private let backbone: SkipNet.Backbone

    var name: String { "blockdrop_resnet\(backbone.layers)\(backbone.suffix)" }
    var summary: String {
        "BlockDrop, ResNet-\(backbone.layers) for \(backbone.dataSet) with a policy network, the "
            + "published keys (arXiv 1711.08393)"
    }
    var inputShape: [Int] { backbone.inputShape }
    var classNames: [String] { backbone.classNames }
    var preprocessing: ImagePreprocessing? { backbone.preprocessing }

    var landmarkKeys: [String] {
        ["agent.logit.weight", "agent.vnet.weight"]
            + backbone.lastBlocks { "resnet.blocks.\($0 - 1).\($1).conv1.weight" }
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try BlockDrop(
            backbone,
            classes: try configuration.integer("num_classes", default: backbone.classes))
    }

    /// Older files hold a classifier of the policy network that nothing reads.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap { .dropping(prefix: "agent.features.fc.") }

    static let all: [any ModelPlugin] = [
        BlockDropPlugin(backbone: .cifar(depth: 32)),
        BlockDropPlugin(backbone: .cifar(depth: 110)),
        BlockDropPlugin(backbone: .imageNet(layers: 101)),
    ]
}
