import Protean

extension LayerEntry {
    static let weightNet = LayerEntry(
        "WeightNet", family: .dynamic,
        reference: "megvii WeightNet and WeightNet_DW",
        summary: .dynamic("the kernel: static filters times sigmoids of an attention vector"),
        papers: ["2007.11823"],
        keys: [
            .required("inp", "input channels C", aliases: "inputChannels", "channels"),
            .required("ksize", "side k of the kernel", aliases: "kernelSize"),
            .optional("stride", 1, "s"),
            .optional(
                "inp_gap", .null, "channels A of the attention vector; null: max(16, C / 16)",
                aliases: "attentionChannels"),
            .optional("M", 2, "sigmoids per output channel, a multiple of G", aliases: "expansion"),
            .optional("G", 2, "parts of a filter with sigmoids of their own", aliases: "parts"),
        ],
        variants: [
            .init(
                name: "dense",
                keys: [.required("oup", "output channels O", aliases: "outputChannels")]),
            .init(
                name: "depthwise",
                keys: [
                    .optional("oup", .null, "output channels; C", aliases: "outputChannels")
                ]),
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("a", "[B, A, 1, 1] or [B, A]")],
        weights: [
            .init("wn_fc1.weight, wn_fc1.bias", "[M * O, A, 1, 1], [M * O]; depthwise: M/G * C"),
            .init("wn_fc2.weight", "[O * C * k * k, M/G, 1, 1]; depthwise: [C * k * k, M/G, 1, 1]"),
        ],
        golden: [
            "weight_net", "weight_net_depthwise", "weight_net_depthwise_general",
            "weight_net_general", "weight_net_split", "weight_net_strided",
        ],
        benchmark: .generic("weight_net", "h=28 w=28 c=128 k=128 r=3") { sizes in
            let attention = max(16, try sizes.int("c") / 16)
            return LayerSample(
                ["inp": sizes["c"], "oup": sizes["k"], "ksize": sizes["r"]],
                inputs: ["x": .map(try sizes.map), "a": .plain([try sizes.batch, attention])])
        },
        parts: ["WeightNetReduction"]
    ) { configuration in
        let channels = try configuration.int("inp")
        let isDepthwise = configuration.text("variant") == "depthwise"
        if isDepthwise, !configuration.isNull("oup") {
            try configuration.require("oup", .number(Double(channels)))
        }
        let layer = try WeightNet(
            inputChannels: channels,
            outputChannels: isDepthwise ? nil : configuration.int("oup"),
            kernelSize: configuration.int("ksize"), stride: configuration.int("stride"),
            attentionChannels: configuration.optionalInt("inp_gap"),
            expansion: configuration.int("M"), parts: configuration.int("G"))
        return BuiltLayer(layer) { inputs in
            // The reference's vector is a map of one pixel.
            var a = try inputs.plain("a")
            if a.rank == 4, a.count == a.shape[0] * layer.attentionChannels {
                a = try a.reshaped(to: [a.shape[0], layer.attentionChannels])
            }
            return [.map("y", try layer(inputs.map("x"), attention: a))]
        }
    }
}
