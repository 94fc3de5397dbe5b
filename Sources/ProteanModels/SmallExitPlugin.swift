import Protean

/// The smaller networks with several exits: Triple Wins, shallow-deep networks, BranchyNet.
struct SmallExitPlugin: ModelPlugin {
    /// Which network.
    enum Network: Sendable {
        case tripleWinsMNIST
        case rdiResNet
        case sdnVGG16
        case bLeNet
    }

    let name: String
    let summary: String
    let network: Network
    let inputShape: [Int]
    let landmarkKeys: [String]

    var preprocessing: ImagePreprocessing? {
        switch network {
        case .tripleWinsMNIST, .bLeNet: nil
        case .rdiResNet:
            ImagePreprocessing(
                resizeShorterSide: 32, interpolation: .bilinear, cropHeight: 32, cropWidth: 32,
                mean: [0, 0, 0], deviation: [1, 1, 1])
        case .sdnVGG16:
            ImagePreprocessing(
                resizeShorterSide: 32, interpolation: .bilinear, cropHeight: 32, cropWidth: 32,
                mean: ImagePreprocessing.imageNetMean,
                deviation: ImagePreprocessing.imageNetDeviation)
        }
    }

    var classNames: [String] {
        switch network {
        case .tripleWinsMNIST, .bLeNet: (0..<10).map { "\($0)" }
        case .rdiResNet, .sdnVGG16: CIFARResNetPlugin.classNames
        }
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        let classes = try configuration.integer("num_classes", default: 10)
        switch network {
        case .tripleWinsMNIST:
            try configuration.requireOnly(known: ["num_classes"])
            return try TripleWins.mnist(classes: classes)
        case .rdiResNet:
            try configuration.requireOnly(known: ["num_classes", "blocks"])
            return try TripleWins.resNet(
                blocks: try configuration.integer("blocks", default: 6), classes: classes)
        case .sdnVGG16:
            try configuration.requireOnly(known: ["num_classes", "input_size", "fc_layers"])
            return try SDNVGG16.network(
                classes: classes, size: try configuration.integer("input_size", default: 32),
                hidden: try configuration.integers("fc_layers"))
        case .bLeNet:
            try configuration.requireOnly(known: ["num_classes"])
            return try BLeNet.network(classes: classes)
        }
    }

    static let all: [any ModelPlugin] = [
        SmallExitPlugin(
            name: "triplewins_mnist",
            summary:
                "Small network with three exits for MNIST, Triple Wins' keys (arXiv 2002.10025)",
            network: .tripleWinsMNIST, inputShape: [1, 28, 28, 1],
            landmarkKeys: ["branch_layer1.6.weight", "branch_layer2.5.weight", "conv4.weight"]),
        SmallExitPlugin(
            name: "rdi_resnet38_cifar10",
            summary:
                "ResNet-38 with seven exits for CIFAR-10, Triple Wins' keys (arXiv 2002.10025)",
            network: .rdiResNet, inputShape: [1, 32, 32, 3],
            landmarkKeys: [
                "branch_layer1.9.weight", "branch_layer6.2.weight", "group2_layer5.conv2.weight",
            ]),
        SmallExitPlugin(
            name: "sdn_vgg16_cifar10",
            summary: "VGG-16 with seven exits for CIFAR-10, the authors' keys (arXiv 1810.07052)",
            network: .sdnVGG16, inputShape: [1, 32, 32, 3],
            landmarkKeys: ["layers.1.output.linear.weight", "end_layers.2.weight"]),
        SmallExitPlugin(
            name: "branchynet_lenet",
            summary: "B-LeNet with two exits for MNIST (arXiv 1709.01686)",
            network: .bLeNet, inputShape: [1, 28, 28, 1],
            landmarkKeys: ["backbone.1.3.weight", "exits.0.2.weight"]),
    ]
}
