import Protean

extension LayerEntry {
    static let channelGatedConv2d = LayerEntry(
        "ChannelGatedConv2d", family: .width,
        reference: "cornell-zhang/dnn-gating CGConv2d",
        summary: .dynamic("which outputs read more than the first part of the channels"),
        papers: ["1805.12549"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("use_group", false, "block-diagonal base path", aliases: "usesGroups"),
            .optional("shuffle", false, "shuffle channels first", aliases: "shuffles"),
            .optional("p", 4, "the base path reads one of p parts", aliases: "partitions"),
            .optional("th", -6, "threshold of all channels at first", aliases: "threshold"),
        ],
        weights: [
            .init("weight", "[O, C, kh, kw]"), .init("mask", "[O, C, kh, kw]"),
            .init("threshold", "[1, O, 1, 1]"), .init("bn.running_mean", "[O]"),
            .init("bn.running_var", "[O]"),
        ],
        golden: ["channel_gated", "channel_gated_group", "channel_gated_shuffle"],
        benchmark: .generic("channel_gated_conv2d", "h=28 w=28 c=64 k=64 r=3") { sizes in
            let (c, k) = (try sizes.int("c"), try sizes.int("k"))
            let parts = [4, 3, 2].first { c % $0 == 0 && k % $0 == 0 } ?? 1
            return LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                    "padding": .number(Double((try sizes.int("r") - 1) / 2)), "th": .number(0.5),
                    "p": .number(Double(parts)),
                ], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try ChannelGatedConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("out_channels"),
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.size("stride"), padding: configuration.padding("padding"),
                partitions: configuration.int("p"), usesGroups: configuration.bool("use_group"),
                shuffles: configuration.bool("shuffle"),
                threshold: Float(configuration.number("th"))))
    }
}
