import Protean

extension LayerEntry {
    static let perforatedConv2d = LayerEntry(
        "PerforatedConv2d", family: .sparse,
        reference: "PerforatedCNNs: torch.nn.Conv2d, outputs of the nearest point",
        summary: .dynamic(
            "which outputs are computed; the others are copied, zero or interpolated"),
        papers: ["1504.08362"],
        keys: ConfigurationKey.convolutionWithBias + [
            .optional("mask", "given", "\"given\", \"impact\" or \"pooling_structure\""),
            .optional("rate", .null, "share of computed outputs, unless the mask is given"),
            .optional(
                "pool_size", 2, "window of the pooling layer behind: k or [kh, kw]",
                aliases: "window"),
            .optional("pool_stride", 2, "its stride: s or [sh, sw]"),
            .optional("pool_padding", 0, "its padding: p or [ph, pw]"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("mask", "[H', W'], not 0: computed", optional: true),
            .init("scores", "[H', W'], for \"impact\"", optional: true),
        ],
        weights: TensorDescription.convolution,
        golden: ["perforated", "perforated_impact", "perforated_structure"],
        benchmark: .generic("perforated_conv2d", "h=56 w=56 c=64 k=64 r=3 density=0.5") { sizes in
            LayerSample(
                try sizes.convolution.merging(
                    ["mask": "pooling_structure", "rate": sizes["density"]]) { $1 },
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let conv = try configuration.conv2d()
        let kind = try configuration.choice("mask", ["given", "impact", "pooling_structure"])
        if kind == "given" { try configuration.require("rate", .null) }
        let rate = kind == "given" ? 1 : try configuration.number("rate")
        let window = PoolWindow(
            kernelSize: try configuration.size("pool_size"),
            stride: try configuration.size("pool_stride"),
            padding: try configuration.size("pool_padding"))
        let structure = PerforationMask.poolingStructure(rate: rate, window: window)
        // Checks the options before there are inputs.
        _ = try PerforatedConv2d(conv, mask: structure)
        return BuiltLayer(conv) { inputs in
            let mask: PerforationMask =
                switch kind {
                case "given": .given(try inputs.plain("mask"))
                case "impact": .impact(rate: rate, scores: try inputs.plain("scores"))
                default: structure
                }
            return [.map("y", try PerforatedConv2d(conv, mask: mask)(try inputs.map("x")))]
        }
    }
}
