import Protean

extension LayerEntry {
    static let residual = LayerEntry(
        "Residual", family: .containers,
        reference: "activation(main(x) + shortcut(x)) of two torch.nn.Modules",
        summary: .fixed("a layer's result plus its input, or plus another layer's result"),
        papers: ["1512.03385"],
        keys: [
            .required("main", ConfigurationKey.nestedLayer),
            .optional("shortcut", .null, "as main; null: the input itself"),
            .optional("activation", "identity", "an activation's name"),
        ],
        inputs: [.containerInput],
        weights: [
            .init("main.*", "those of main", optional: true),
            .init("shortcut.*", "those of the shortcut", optional: true),
        ],
        outputs: [.containerOutput],
        golden: ["residual", "residual_shortcut"],
        benchmark: .generic("residual", "h=28 w=28 c=64") { sizes in
            LayerSample(
                [
                    "main": .object(try sizes.conv2d(kernelSize: 3, outputs: "c")),
                    "activation": "relu",
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let main = try configuration.nestedLayer("main")
        let shortcut = try configuration.optionalNestedLayer("shortcut")
        let layer = Residual(
            main: main.layer, shortcut: shortcut?.layer,
            activation: try configuration.activation("activation"))
        var maps = [(name: "main", map: main.keyMap)]
        if let shortcut { maps.append((name: "shortcut", map: shortcut.keyMap)) }
        return BuiltLayer(container: layer, keyMap: .parts(maps))
    }
}
