import Protean

extension ARNet {
    /// The published network: MobileNetV2 at 84 pixels decides among ResNet-50 at 224, ResNet-34 at 168,
    /// ResNet-18 at 112, its own classifier, and skips of 1, 2 and 4 frames.
    ///
    /// Names as in the reference's code: `lite_backbone.features.…`, `base_model_list.0.conv1.weight`
    /// and so on, torchvision's within each network.
    ///
    /// - Parameters:
    ///   - classes: of every classifier.
    ///   - leaps: see ``ARNet``.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func resNets(
        classes: Int = 200, leaps: Bool = false
    ) throws(ProteanError) -> ARNet {
        let light = try MobileNetV2(classes: 1)
        let networks: [(block: ResNet.Block, stages: [Int], resolution: Int)] = [
            (.bottleneck, [3, 4, 6, 3], 224), (.basic, [3, 4, 6, 3], 168),
            (.basic, [2, 2, 2, 2], 112),
        ]
        var backbones: [Backbone] = []
        for network in networks {
            let resnet = try ResNet(block: network.block, stages: network.stages, classes: 1)
            let features = PooledFeatures(resnet, head: "fc") { x throws(ProteanError) in
                try resnet.features(x)
            }
            backbones.append(
                Backbone(
                    features, features: resnet.featureChannels, resolution: network.resolution))
        }
        let features = PooledFeatures(light, head: "classifier.1") { x throws(ProteanError) in
            try light.features(x)
        }
        return try ARNet(
            light: Backbone(features, features: 1280, resolution: 84), backbones: backbones,
            classes: classes, leaps: leaps)
    }
}

/// A network without its classifier: the mean of its last map.
private final class PooledFeatures: Layer {
    let submodules: [NamedModule]
    let label: Label? = Label()
    private let map: @Sendable (Tensor) throws(ProteanError) -> Tensor
    private let pool = GlobalAveragePool2d()

    init(
        _ network: any Module, head: String,
        map: @escaping @Sendable (Tensor) throws(ProteanError) -> Tensor
    ) {
        submodules = network.submodules.filter { $0.name != head }
        self.map = map
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try pool(map(x)) }
}
