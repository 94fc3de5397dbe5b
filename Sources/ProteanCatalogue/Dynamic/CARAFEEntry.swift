import Protean

extension LayerEntry {
    static let carafe = LayerEntry(
        "CARAFE", family: .dynamic,
        reference: "mmcv carafe",
        summary: .dynamic("an upsampling kernel per output pixel"),
        papers: ["1905.02188"],
        keys: [
            .required("kernel_size", "odd k"),
            .required("group_size", "groups G of channels", aliases: "groups"),
            .required("scale_factor", "factor S of height and width", aliases: "factor"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("mask", "[B, G * k * k, S * H, S * W], used as it is"),
        ],
        outputs: [.init("y", "[B, C, S * H, S * W]")],
        golden: ["carafe", "carafe_same", "carafe_threefold"],
        benchmark: .generic("carafe", "h=28 w=28 c=64 r=5 up=2", optional: ["groups"]) { sizes in
            let (r, up, groups) = try (
                sizes.int("r"), sizes.int("up"), sizes.int("groups", default: 1)
            )
            let map = try sizes.map
            return LayerSample(
                [
                    "kernel_size": sizes["r"], "group_size": sizes["groups", default: 1],
                    "scale_factor": sizes["up"],
                ],
                inputs: [
                    "x": .map(map),
                    "mask": .map([map[0], map[1] &* up, map[2] &* up, groups &* (r &* r)]),
                ])
        }
    ) { configuration in
        let layer = try CARAFE(
            kernelSize: configuration.int("kernel_size"), groups: configuration.int("group_size"),
            factor: configuration.int("scale_factor"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), mask: inputs.map("mask")))]
        }
    }
}
