import Protean

extension LayerEntry {
    static let branches = LayerEntry(
        "Branches", family: .containers,
        reference: "torch.cat along the channels, or the sum, of torch.nn.ModuleList's results",
        summary: .fixed("layers applied to the same input, results concatenated or added"),
        keys: [
            .optional("combination", "concatenation", "\"concatenation\" or \"sum\""),
            .required("branches", "in order, each " + ConfigurationKey.nestedLayer),
        ],
        inputs: [.containerInput],
        weights: [.init("i.*", "those of branch i = 0, 1, ...", optional: true)],
        outputs: [.containerOutput],
        golden: ["branches", "branches_sum"],
        benchmark: .generic("branches", "h=28 w=28 c=64 k=64") { sizes in
            let wide = try sizes.conv2d(kernelSize: 3), narrow = try sizes.conv2d(kernelSize: 1)
            return LayerSample(
                ["branches": [.object(wide), .object(narrow)]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let combination = try configuration.choice("combination", ["concatenation", "sum"])
        let parts = try configuration.layers("branches")
        let named = parts.enumerated().map { ("\($0.offset)", $0.element.layer) }
        let layer = try Branches(
            combination == "sum" ? .sum : .concatenation, named: named)
        return BuiltLayer(container: layer, keyMap: .parts(parts.map(\.keyMap)))
    }
}
