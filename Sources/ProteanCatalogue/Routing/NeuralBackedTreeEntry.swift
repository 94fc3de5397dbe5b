import Protean

extension LayerEntry {
    static let neuralBackedTree = LayerEntry(
        "NeuralBackedTree", family: .routing,
        reference: "alvinwan/neural-backed-decision-trees",
        summary: .dynamic("which path through a tree of classes is taken"),
        papers: ["2004.00221"],
        keys: [
            .required("model", "from x to logits, " + ConfigurationKey.nestedLayer),
            .required("classes", "number of classes C"),
            .required("children", "a list of nodes for each inner node; classes come first"),
            .optional("inference", "hard", "hard or soft"),
        ],
        inputs: [.containerInput],
        weights: [.init("*", "the model's", optional: true)],
        outputs: [.init("y", "[B, C]")],
        golden: ["neural_backed_tree", "neural_backed_tree_soft"],
        benchmark: .generic("neural_backed_tree", "n=16 c=512") { sizes in
            LayerSample(
                [
                    "model": ["layer": "Linear", "in_features": sizes["c"], "out_features": 4],
                    "classes": 4, "children": [[0, 1], [2, 3], [4, 5]], "inference": "soft",
                ],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        let model = try configuration.nestedLayer("model")
        var children: [[Int]] = []
        for node in try configuration.list("children") {
            guard case .array(let list) = node else {
                throw configuration.refusal("children", "lists of whole numbers")
            }
            children.append(
                try list.map { value in
                    guard case .number(let number) = value, let whole = Int(exactly: number)
                    else { throw configuration.refusal("children", "lists of whole numbers") }
                    return whole
                })
        }
        let layer = NeuralBackedTree(
            model.layer,
            hierarchy: try ClassHierarchy(
                classes: configuration.int("classes"), children: children),
            inference: try configuration.choice(
                "inference", of: NeuralBackedTree.Inference.self))
        return BuiltLayer(layer, keyMap: model.keyMap) { inputs in
            [.plain("y", try layer(inputs.mapOrPlain("x")))]
        }
    }
}
