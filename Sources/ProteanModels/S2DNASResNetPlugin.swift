import Protean

/// `s2dnas_resnet56`: ResNet-56 for 32 × 32 images whose channels are split among stages with an exit
/// each.
///
/// Yuan et al., arXiv 1911.07033, have published neither weights nor the splits that their search found;
/// the names are this package's own: `stages.{i}.` and the path in the static network (`conv1`, `bn1`,
/// `layer{1…3}.{0…8}.{conv1,bn1,conv2,bn2}`), `heads.{i}.weight`, `heads.{i}.bias`. By default three stages
/// own 1/4, 1/4 and 1/2 of the channels of every layer, and each reuses all earlier ones.
struct S2DNASResNetPlugin: ModelPlugin {
    let name = "s2dnas_resnet56"
    let summary = "ResNet-56 in stages over its channels, with exits (S2DNAS, arXiv 1911.07033)"
    let inputShape = [1, 32, 32, 3]
    var classNames: [String] { CIFARResNetPlugin.classNames }
    let landmarkKeys = [
        "stages.0.layer3.8.conv2.weight", "stages.1.layer3.8.conv2.weight", "heads.1.weight",
    ]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "groups", "split_points", "reuse"])
        let network = try CIFARResNet(
            depth: 56, classes: try configuration.integer("num_classes", default: 10),
            shortcut: .padding, classifierName: "linear")
        let points = try configuration.integers("split_points") ?? [1, 2, 4]
        let splits = try ChannelSplits(
            groups: try configuration.integer("groups", default: points.last ?? 0), points: points)
        let reuses = try configuration.bool("reuse", default: true)
        return try Staging.convert(
            network,
            plan: StagingPlan(
                splits: splits,
                reuse: reuses ? .full(splits.stages) : .none(splits.stages)))
    }
}
