import Protean

extension LayerEntry {
    static let retina = LayerEntry(
        "Retina", family: .region,
        reference: "Retina of kevinzakka/recurrent-visual-attention",
        summary: .dynamic("which region is looked at"),
        papers: ["1406.6247"],
        keys: [
            .required("size", "height and width of a reduced region"),
            .required("scales", "number of regions"),
            .optional("factor", 2, "how much larger each region is than the one before"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("locations", "[B, 2], (x, y) in -1 ... 1"),
        ],
        outputs: [.init("y", "[B, scales * C, size, size]")],
        golden: ["retina", "retina_factor"],
        benchmark: .generic("retina", "h=56 w=56 c=3 r=8 regions=3") { sizes in
            LayerSample(
                ["size": sizes["r"], "scales": sizes["regions"]],
                inputs: [
                    "x": .map(try sizes.map), "locations": .plain([try sizes.batch, 2]),
                ])
        }
    ) { configuration in
        let layer = try Retina(
            size: configuration.int("size"), scales: configuration.int("scales"),
            factor: configuration.int("factor"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), locations: inputs.plain("locations")))]
        }
    }
}
