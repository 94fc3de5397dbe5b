import Protean

extension LayerEntry {
    static let groupNorm = LayerEntry(
        "GroupNorm", family: .normalization,
        reference: "torch.nn.GroupNorm",
        summary: .fixed("normalised by each sample's own statistics, exact for large means"),
        papers: ["1803.08494"],
        keys: [
            .required("num_groups", "groups G, a divisor of C", aliases: "groups"),
            .required("num_channels", "channels C", aliases: "channels"),
            .optional("eps", .number(1e-5), "added to the variance"),
            .optional("affine", true, "whether there are weight and bias"),
        ],
        inputs: [.init("x", "[B, C, ...]")],
        weights: [
            .init("weight", "[C]", optional: true), .init("bias", "[C]", optional: true),
        ],
        outputs: [.init("y", "[B, C, ...]")],
        golden: [
            "group_norm", "group_norm_options", "group_norm_sequence", "group_norm_single",
            "group_norm_vectors",
        ],
        benchmark: .generic("group_norm", "h=56 w=56 c=64 groups=8") { sizes in
            LayerSample(
                ["num_groups": sizes["groups"], "num_channels": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try GroupNorm(
            groups: configuration.int("num_groups"), channels: configuration.int("num_channels"),
            eps: configuration.number("eps"), affine: configuration.bool("affine"))
        return BuiltLayer(layer) { inputs in
            let y = try layer(inputs.channelsLast("x"))
            return [y.rank >= 3 ? .map("y", y) : .plain("y", y)]
        }
    }
}
