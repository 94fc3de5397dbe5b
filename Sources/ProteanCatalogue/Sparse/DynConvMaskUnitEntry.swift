import Protean

extension LayerEntry {
    static let dynConvMaskUnit = LayerEntry(
        "DynConvMaskUnit", family: .sparse,
        reference: "dynconv MaskUnit, its hard mask in inference",
        summary: .dynamic("the mask that a block computes under"),
        papers: ["1912.03203"],
        keys: [
            .required("channels", "channels C", aliases: "inputChannels"),
            .optional("stride", 1, "s"),
            .optional("kind", "squeeze", "\"squeeze\" or, for pose networks, \"pointwise\""),
        ],
        weights: [
            .init("maskconv.fc.*", "[1, C], [1]", optional: true),
            .init("maskconv.conv.*", "[1, C, 3, 3], [1]", optional: true),
            .init("maskconv.*", "[1, C, 1, 1], [1]: pointwise", optional: true),
        ], outputs: [.decidedMask],
        golden: ["mask_unit", "mask_unit_pointwise"],
        benchmark: .generic("dynconv_mask_unit", "h=56 w=56 c=64") { sizes in
            LayerSample(
                ["channels": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try DynConvMaskUnit(
            channels: configuration.positive("channels"),
            stride: Size2d(configuration.positive("stride")),
            kind: configuration.choice("kind", of: DynConvMaskUnit.Kind.self))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(try inputs.map("x")).mask())]
        }
    }
}
