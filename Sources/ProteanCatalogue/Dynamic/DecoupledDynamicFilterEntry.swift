import Protean

extension LayerEntry {
    static let decoupledDynamicFilter = LayerEntry(
        "DecoupledDynamicFilter", family: .dynamic,
        reference: "theFoxofSky ddfnet ddf",
        summary: .dynamic("a depthwise filter per pixel and channel, as two factors or terms"),
        papers: ["2104.14107"],
        keys: [
            .optional("kernel_size", 3, "odd k above 1"),
            .optional("dilation", 1, "distance between taps"),
            .optional("stride", 1, "s; divides height and width"),
            .optional("head", 1, "heads h: groups of channels", aliases: "heads"),
            .optional("kernel_combine", "mul", "\"mul\" or \"add\"", aliases: "combination"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("channel_filter", "[B, C, k, k] or [B, C * k * k]; any layout"),
            .init("spatial_filter", "[B, h * k * k, H / s, W / s]"),
        ],
        outputs: [.init("y", "[B, C, H / s, W / s]")],
        golden: [
            "decoupled_dynamic_filter", "decoupled_dynamic_filter_add",
            "decoupled_dynamic_filter_options",
        ],
        benchmark: .generic(
            "ddf", "h=28 w=28 c=128 r=3", optional: ["stride", "dilation", "groups", "algorithm"]
        ) { sizes in
            let map = try sizes.map, r = try sizes.int("r"), taps = r &* r
            let (stride, heads) = try (
                max(1, sizes.int("stride", default: 1)), sizes.int("groups", default: 1)
            )
            return LayerSample(
                [
                    "kernel_size": sizes["r"], "dilation": sizes["dilation", default: 1],
                    "stride": sizes["stride", default: 1], "head": sizes["groups", default: 1],
                    "kernel_combine": sizes["algorithm", default: "mul"],
                ],
                inputs: [
                    "x": .map(map), "channel_filter": .plain([map[0], map[3], r, r]),
                    "spatial_filter": .map(
                        [map[0], map[1] / stride, map[2] / stride, heads &* taps]),
                ])
        }
    ) { configuration in
        let layer = try DecoupledDynamicFilter(
            kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
            dilation: configuration.int("dilation"), heads: configuration.int("head"),
            combination: configuration.choice(
                "kernel_combine", of: PixelFilter.Combination.self))
        return BuiltLayer(layer) { inputs in
            let channelFilter = try inputs.plain("channel_filter")
            let spatialFilter = try inputs.map("spatial_filter")
            return [
                .map(
                    "y",
                    try layer(
                        inputs.map("x"), channelFilter: channelFilter,
                        spatialFilter: spatialFilter))
            ]
        }
    }
}
