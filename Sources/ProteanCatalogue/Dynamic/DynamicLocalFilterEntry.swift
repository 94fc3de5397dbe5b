import Protean

extension LayerEntry {
    static let dynamicLocalFilter = LayerEntry(
        "DynamicLocalFilter", family: .dynamic,
        reference: "dbbert dfn DynamicFilterLayer, a filter per pixel",
        summary: .dynamic("a filter per pixel"),
        papers: ["1605.09673"],
        keys: [
            .required("filter_size", "odd k or [kh, kw]", aliases: "kernelSize"),
            .optional("softmax", false, "whether filters are replaced by their softmax over taps"),
            .optional("groups", 1, "groups G of channels with filters of their own"),
            .optional("flip_filters", false, "false: a cross-correlation"),
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("filters", "[B, G * kh * kw, H, W]")],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: [
            "dynamic_local_filter", "dynamic_local_filter_empty", "dynamic_local_filter_groups",
            "dynamic_local_filter_row", "dynamic_local_filter_single",
        ],
        benchmark: .generic("pixel_filter", "h=56 w=56 c=64 r=5 groups=1", optional: ["groups"]) {
            sizes in
            let (r, groups) = try (sizes.int("r"), sizes.int("groups", default: 1))
            return LayerSample(
                ["filter_size": sizes["r"], "groups": sizes["groups", default: 1]],
                inputs: [
                    "x": .map(try sizes.map),
                    "filters": .map(try sizes.map.dropLast() + [groups &* (r &* r)]),
                ])
        }
    ) { configuration in
        try configuration.require("flip_filters", false)
        let layer = try DynamicLocalFilter(
            kernelSize: configuration.size("filter_size"), softmax: configuration.bool("softmax"),
            groups: configuration.int("groups"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), filters: inputs.map("filters")))]
        }
    }
}
