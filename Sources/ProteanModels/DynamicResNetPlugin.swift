import Protean

/// ResNet-18 whose blocks mix their kernels per image: `dy_resnet18` and `odconv_resnet18`.
struct DynamicResNetPlugin: ModelPlugin {
    /// How kernels are mixed.
    private enum Kind { case dynamic, omniDimensional }

    let name: String
    let summary: String
    let inputShape = [1, 224, 224, 3]
    var classNames: [String] { ImageNet.classNames }
    var preprocessing: ImagePreprocessing? { ImageNet.torchvisionPreprocessing }
    let landmarkKeys: [String]

    private let kind: Kind

    private init(_ kind: Kind, name: String, summary: String, landmarks: [String]) {
        self.kind = kind
        self.name = name
        self.summary = summary
        landmarkKeys = ResNetPlugin.landmarks(.basic, [2, 2, 2, 2]) + landmarks
    }

    static let all: [any ModelPlugin] = [
        DynamicResNetPlugin(
            .dynamic, name: "dy_resnet18",
            summary: "ResNet-18 with dynamic convolutions, kaijieshi7's keys (arXiv 1912.03458)",
            landmarks: [
                "layer1.0.conv1.attention.fc2.weight",
                "layer4.0.downsample.0.attention.fc1.weight",
            ]),
        DynamicResNetPlugin(
            .omniDimensional, name: "odconv_resnet18",
            summary: "ResNet-18 with omni-dimensional dynamic convolutions, OSVAI's keys "
                + "(arXiv 2209.07947)",
            landmarks: [
                "layer1.0.conv1.attention.channel_fc.weight",
                "layer4.1.conv2.attention.spatial_fc.weight",
            ]),
    ]

    /// The number of kernels is that of the file.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String] {
        let key = "layer1.0.conv1.weight"
        guard kind == .omniDimensional, configuration.values["kernel_num"] == nil,
            let name = checkpoint.names.first(where: { $0 == key || $0.hasSuffix("." + key) }),
            let shape = checkpoint[name]?.shape, shape.count == 5, shape[0] > 1
        else { return [] }
        configuration.values["kernel_num"] = .number(Double(shape[0]))
        return ["the file has \(shape[0]) kernels per convolution: kernel_num is \(shape[0])"]
    }

    /// `num_classes`; of `odconv_resnet18` also `kernel_num` (1) and `reduction` (1/16). Temperatures are
    /// those of inference, 1.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        let isOmni = kind == .omniDimensional
        try configuration.requireOnly(
            known: ["num_classes"] + (isOmni ? ["kernel_num", "reduction"] : []))
        let convolutions: ResNet.Convolutions =
            isOmni
            ? .omniDimensional(
                experts: try configuration.integer("kernel_num", default: 1),
                reduction: try configuration.number("reduction", default: 0.0625))
            : .dynamic(experts: 4)
        return try ResNet(
            block: .basic, stages: [2, 2, 2, 2],
            classes: try configuration.integer("num_classes", default: 1000),
            convolutions: convolutions)
    }
}
