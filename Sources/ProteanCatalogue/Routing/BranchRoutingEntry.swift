import Protean

extension LayerEntry {
    static let branchRouting = LayerEntry(
        "BranchRouting", family: .routing,
        reference: "a stem, a gate and branches of torch.nn.Modules, with a loop over the rows",
        summary: .dynamic("which branches run"),
        papers: [
            .init(
                "HydraNets: Specialized Dynamic Architectures for Efficient Inference",
                at: "https://doi.org/10.1109/CVPR.2018.00843"), "2003.10401",
        ],
        keys: [
            .optional("stem", .null, "shared, " + ConfigurationKey.nestedLayer + "; null: none"),
            .required("gate", "one score per branch, " + ConfigurationKey.nestedLayer),
            .required("branches", "each " + ConfigurationKey.nestedLayer),
            .optional("rule", "top", "top, argmax, above or nonzero"),
            .optional("k", 2, "of the rule top"),
            .optional("threshold", 0, "of the rule above"),
            .optional("soft", false, "scores become relu(tanh(score)) first"),
            .optional("combination", "concatenation", "concatenation, mean or sum"),
            .optional("head", .null, "applied last; null: none"),
        ],
        inputs: [.containerInput],
        weights: [
            .init("stem.*", "the stem's", optional: true),
            .init("gate.*", "the gate's", optional: true),
            .init("branches.i.*", "those of branch i = 0, 1, ...", optional: true),
            .init("head.*", "the head's", optional: true),
        ],
        outputs: [.containerOutput],
        golden: ["branch_routing", "branch_routing_mean", "branch_routing_soft"],
        benchmark: .generic("branch_routing", "h=28 w=28 c=64") { sizes in
            let part = ModelConfiguration.Value.object(
                try sizes.conv2d(kernelSize: 3, outputs: "c"))
            let gate: ModelConfiguration.Value = [
                "layer": "Sequential",
                "layers": [
                    ["layer": "GlobalAveragePool2d"],
                    ["layer": "Linear", "in_features": sizes["c"], "out_features": 4],
                ],
            ]
            return LayerSample(
                [
                    "gate": gate, "branches": [part, part, part, part], "k": 1,
                    "combination": "sum",
                ], inputs: ["x": .map(try sizes.map)])
        },
        parts: ["GivenDecision", "PolicyRouted", "RoutingGraph", "TanhReLUGate"]
    ) { configuration in
        let stem = try configuration.optionalNestedLayer("stem")
        let gate = try configuration.nestedLayer("gate")
        let branches = try configuration.layers("branches")
        let head = try configuration.optionalNestedLayer("head")
        var maps = [(name: "gate", map: gate.keyMap)]
        maps += branches.enumerated().map { ("branches.\($0.offset)", $0.element.keyMap) }
        if let stem { maps.append(("stem", stem.keyMap)) }
        if let head { maps.append(("head", head.keyMap)) }
        let soft = try configuration.bool("soft")
        let names =
            (stem.map { [NamedModule("stem", $0.layer)] } ?? [])
            + [NamedModule("gate", gate.layer)]
            + branches.enumerated().map { NamedModule("branches.\($0.offset)", $0.element.layer) }
            + (head.map { [NamedModule("head", $0.layer)] } ?? [])
        let layer = try BranchRouting(
            stem: stem?.layer,
            gate: soft ? TanhReLUGate(gate.layer) : LayerDecisionGate(gate.layer),
            branches: branches.map(\.layer), rule: try branchRule(configuration),
            combination: try configuration.choice(
                "combination", of: BranchRouting.Combination.self),
            head: head?.layer, names: names)
        return BuiltLayer(container: layer, keyMap: .parts(maps))
    }

    private static func branchRule(_ configuration: LayerConfiguration) throws -> Rule {
        switch try configuration.choice("rule", ["top", "argmax", "above", "nonzero"]) {
        case "argmax": .argmax
        case "above": .above(Float(try configuration.number("threshold")))
        case "nonzero": .nonzero
        default: .top(try configuration.int("k"))
        }
    }
}
