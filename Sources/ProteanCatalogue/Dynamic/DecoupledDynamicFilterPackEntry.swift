import Protean

extension LayerEntry {
    static let decoupledDynamicFilterPack = LayerEntry(
        "DecoupledDynamicFilterPack", family: .dynamic,
        reference: "theFoxofSky ddfnet DDFPack",
        summary: .dynamic("a depthwise filter per pixel and channel, as two factors or terms"),
        papers: ["2104.14107"],
        keys: [
            .required("in_channels", "channels C", aliases: "channels"),
            .optional("kernel_size", 3, "odd k above 1"),
            .optional("dilation", 1, "distance between taps"),
            .optional("stride", 1, "s; divides height and width"),
            .optional("head", 1, "heads h: groups of channels", aliases: "heads"),
            .optional(
                "se_ratio", .number(0.2), "channels m of the squeeze over C, rounded down",
                aliases: "squeezeRatio"),
            .optional(
                "nonlinearity", "relu",
                "what follows: \"relu\", \"linear\", \"sigmoid\", \"tanh\", \"leaky_relu\", \"selu\""),
            .optional("kernel_combine", "mul", "\"mul\" or \"add\"", aliases: "combination"),
        ],
        weights: [
            .init("spatial_branch.0.weight", "[h * k * k, C, 1, 1]"),
            .init("spatial_branch.0.bias", "[h * k * k]"),
            .init("channel_branch.1.weight", "[m, C, 1, 1]"),
            .init("channel_branch.1.bias", "[m]"),
            .init("channel_branch.3.weight", "[C * k * k, m, 1, 1]"),
            .init("channel_branch.3.bias", "[C * k * k]"),
            .init("channel_branch.4.std", "[C * k * k]"),
        ],
        outputs: [.init("y", "[B, C, H / s, W / s]")],
        golden: [
            "decoupled_dynamic_filter_pack", "decoupled_dynamic_filter_pack_add",
            "decoupled_dynamic_filter_pack_options",
        ],
        benchmark: .generic(
            "ddf_pack", "h=28 w=28 c=128 r=3", optional: ["stride", "dilation", "groups"]
        ) { sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "kernel_size": sizes["r"],
                    "dilation": sizes["dilation", default: 1],
                    "stride": sizes["stride", default: 1], "head": sizes["groups", default: 1],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try DecoupledDynamicFilterPack(
                channels: configuration.int("in_channels"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                dilation: configuration.int("dilation"), heads: configuration.int("head"),
                squeezeRatio: configuration.number("se_ratio"),
                nonlinearity: configuration.choice(
                    "nonlinearity", of: DecoupledDynamicFilterPack.Nonlinearity.self),
                combination: configuration.choice(
                    "kernel_combine", of: PixelFilter.Combination.self)))
    }
}
