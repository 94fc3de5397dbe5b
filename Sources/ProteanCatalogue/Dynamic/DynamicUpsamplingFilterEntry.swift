import Protean

extension LayerEntry {
    static let dynamicUpsamplingFilter = LayerEntry(
        "DynamicUpsamplingFilter", family: .dynamic,
        reference: "yhjo09 VSR-DUF DynFilter3D and depth_to_space",
        summary: .dynamic("an upsampling filter per output pixel"),
        papers: [
            .init(
                "Jo et al., CVPR 2018",
                at:
                    "https://openaccess.thecvf.com/content_cvpr_2018/html/Jo_Deep_Video_Super-Resolution_CVPR_2018_paper.html"
            )
        ],
        keys: [
            .optional("uf", 4, "factor R of height and width", aliases: "factor"),
            .optional("filter_size", 5, "odd k", aliases: "kernelSize"),
            .optional("softmax", true, "whether filters are replaced by their softmax over taps"),
        ],
        inputs: [
            .init("x", "[B, C, H, W], the centre frame"),
            .init("filters", "[B, k * k * R * R, H, W], channel tap * R * R + dy * R + dx"),
            .init(
                "residual", "[B, R * R * C, H, W], channel (dy * R + dx) * C + c", optional: true),
        ],
        outputs: [.init("y", "[B, C, R * H, R * W]")],
        golden: [
            "dynamic_upsampling_filter", "dynamic_upsampling_filter_given",
            "dynamic_upsampling_filter_threefold", "dynamic_upsampling_filter_wide",
        ],
        benchmark: .generic("duf", "h=64 w=64 c=3 r=5 up=4") { sizes in
            let map = try sizes.map, (r, up) = try (sizes.int("r"), sizes.int("up"))
            let pixels = Array(map.dropLast())
            return LayerSample(
                ["uf": sizes["up"], "filter_size": sizes["r"]],
                inputs: [
                    "x": .map(map), "filters": .map(pixels + [(r &* r) &* (up &* up)]),
                    "residual": .map(pixels + [(up &* up) &* map[3]]),
                ])
        }
    ) { configuration in
        let layer = try DynamicUpsamplingFilter(
            factor: configuration.int("uf"), kernelSize: configuration.int("filter_size"),
            softmax: configuration.bool("softmax"))
        return BuiltLayer(layer) { inputs in
            let residual = try inputs.optionalMap("residual")
            return [
                .map(
                    "y",
                    try layer(inputs.map("x"), filters: inputs.map("filters"), residual: residual))
            ]
        }
    }
}
