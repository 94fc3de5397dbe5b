import Protean

extension LayerEntry {
    static let dispatch = LayerEntry(
        "Dispatch", family: .conditional,
        reference: "a gate and parts of torch.nn.Modules, with a loop over the rows",
        summary: .dynamic("which parts run"),
        papers: ["2102.04906"],
        keys: [
            .required("parts", "each " + ConfigurationKey.nestedLayer),
            .required("gate", "from x to one score per part, " + ConfigurationKey.nestedLayer),
            .optional("rule", "argmax", "argmax, above, top or nonzero"),
            .optional("threshold", 0, "of the rule above"),
            .optional("k", 1, "of the rule top"),
            .optional("combine", "replace", "replace, sum or pass"),
        ],
        inputs: [.containerInput],
        weights: [
            .init("parts.i.*", "those of part i = 0, 1, ...", optional: true),
            .init("gate.*", "the gate's", optional: true),
        ],
        outputs: [.containerOutput],
        golden: ["dispatch", "dispatch_pass", "dispatch_top"],
        benchmark: .generic("dispatch", "h=28 w=28 c=64") { sizes in
            let part = ModelConfiguration.Value.object(
                try sizes.conv2d(kernelSize: 3, outputs: "c"))
            let gate: ModelConfiguration.Value = [
                "layer": "Sequential",
                "layers": [
                    ["layer": "GlobalAveragePool2d"], ["layer": "Flatten"],
                    ["layer": "Linear", "in_features": sizes["c"], "out_features": 2],
                ],
            ]
            return LayerSample(
                ["parts": [part, part], "gate": gate], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let parts = try configuration.layers("parts")
        let gate = try configuration.nestedLayer("gate")
        let layer = try Dispatch(
            parts: parts.map(\.layer), gate: gate.layer, rule: try rule(configuration),
            combine: try configuration.choice("combine", of: Dispatch.Combine.self))
        let maps =
            parts.enumerated().map { (name: "parts.\($0.offset)", map: $0.element.keyMap) }
            + [(name: "gate", map: gate.keyMap)]
        return BuiltLayer(container: layer, keyMap: .parts(maps))
    }

    private static func rule(_ configuration: LayerConfiguration) throws -> Rule {
        switch try configuration.choice("rule", ["argmax", "above", "top", "nonzero"]) {
        case "above": .above(Float(try configuration.number("threshold")))
        case "top": .top(try configuration.int("k"))
        case "nonzero": .nonzero
        default: .argmax
        }
    }
}
