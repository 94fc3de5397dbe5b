import Protean

extension LayerEntry {
    static let regionGather = LayerEntry(
        "RegionGather", family: .region,
        reference: "get_patch of GFNet-Pytorch, and slices of padded maps",
        summary: .dynamic("which region is looked at"),
        papers: ["1406.6247", "2010.05300", "2105.03245"],
        keys: [
            .required("size", "height and width of a region, n or [h, w]"),
            .optional("placement", "fractions", "fractions or centres"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("locations", "[B, 2] or [B, K, 2]: (row, column) or, for centres, (x, y)"),
        ],
        outputs: [.init("y", "[B * K, C, h, w]")],
        golden: ["region_gather", "region_gather_centres"],
        benchmark: .generic("region_gather", "h=224 w=224 c=3 r=96") { sizes in
            LayerSample(
                ["size": sizes["r"]],
                inputs: [
                    "x": .map(try sizes.map), "locations": .plain([try sizes.batch, 2]),
                ])
        }
    ) { configuration in
        let layer = try RegionGather(
            size: configuration.size("size"),
            placement: configuration.choice("placement", of: RegionGather.Placement.self))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), locations: inputs.plain("locations")))]
        }
    }
}
