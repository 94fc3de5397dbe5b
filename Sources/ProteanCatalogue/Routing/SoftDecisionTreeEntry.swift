import Protean

extension LayerEntry {
    static let softDecisionTree = LayerEntry(
        "SoftDecisionTree", family: .routing,
        reference: "kimhc6028/soft-decision-tree",
        summary: .dynamic("which leaf of a tree answers"),
        papers: ["1711.09784"],
        keys: [
            .required("input_dim", "features I", aliases: "inputFeatures"),
            .required("output_dim", "classes C", aliases: "classes"),
            .optional("max_depth", 8, "inner nodes on a path, D", aliases: "depth"),
            .optional("inference", "bestLeaf", "bestLeaf, mixture or greedy"),
        ],
        inputs: [.init("x", "[B, I]")],
        weights: [
            .init("module_list.n.weight", "[1, I], n < 2^D - 1"),
            .init("module_list.n.bias", "[1]"),
            .init("param_list.n", "[1] of inner nodes, then [C] of leaves"),
        ],
        outputs: [.init("y", "[B, C]")],
        golden: [
            "soft_decision_tree", "soft_decision_tree_mixture", "soft_decision_tree_greedy",
        ],
        benchmark: .generic("soft_decision_tree", "n=64 c=784 k=10") { sizes in
            LayerSample(
                ["input_dim": sizes["c"], "output_dim": sizes["k"], "max_depth": 6],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        let layer = try SoftDecisionTree(
            inputFeatures: configuration.int("input_dim"),
            classes: configuration.int("output_dim"), depth: configuration.int("max_depth"),
            inference: configuration.choice(
                "inference", of: SoftDecisionTree.Inference.self))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }
}
