import Protean

extension LayerEntry {
    static let gatedChannelTransformation = LayerEntry(
        "GatedChannelTransformation", family: .attention,
        reference: "z-x-yang GCT",
        summary: .dynamic("a gate per channel"),
        papers: ["1909.11519"],
        keys: [
            .required("num_channels", "channels C", aliases: "channels"),
            .optional("epsilon", .number(1e-5), "added under the roots", aliases: "eps"),
            .optional("mode", "l2", "\"l2\" or \"l1\""),
            .optional(
                "after_relu", false, "mode l1: values are summed as they are",
                aliases: "isAfterReLU"),
        ],
        weights: [.init("alpha, gamma, beta", "[1, C, 1, 1]")],
        outputs: [.sameMap],
        golden: ["gct_empty", "gct_l1", "gct_l1_after_relu", "gct_l2"],
        benchmark: .generic("gct", "h=56 w=56 c=64") { sizes in
            LayerSample(["num_channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try GatedChannelTransformation(
                channels: configuration.int("num_channels"),
                mode: configuration.choice("mode", of: GatedChannelTransformation.Mode.self),
                isAfterReLU: configuration.bool("after_relu"),
                eps: configuration.number("epsilon")))
    }
}
