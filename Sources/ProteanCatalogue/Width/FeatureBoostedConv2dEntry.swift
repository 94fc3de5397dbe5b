import Protean

extension LayerEntry {
    static let featureBoostedConv2d = LayerEntry(
        "FeatureBoostedConv2d", family: .width,
        reference: "63days/FBS-practice FBSConv2d (boosted_norm); the paper's mayo (reference)",
        summary: .dynamic("which output channels are computed, and their gain"),
        papers: ["1810.05331"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("sparsity_ratio", 1, "share of channels that win", aliases: "density"),
            .optional("saliency", "avg", "avg, max, l1 or l2"),
            .optional("variant", "reference", "reference or boosted_norm"),
        ],
        weights: [
            .init("weights", "[O, C]"), .init("bias", "[O]"),
            .init("beta", "[O]", optional: true), .init("conv.weight", "[O, C, kh, kw]"),
            .init("conv.bias", "[O]", optional: true), .init("bn.weight", "[O]", optional: true),
            .init("bn.bias", "[O]", optional: true), .init("bn.running_mean", "[O]"),
            .init("bn.running_var", "[O]"),
        ],
        golden: ["feature_boosted", "feature_boosted_norm", "feature_boosted_l2"],
        benchmark: .generic("feature_boosted_conv2d", "h=28 w=28 c=64 k=64 r=3 density=0.5") {
            sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                    "padding": .number(Double((try sizes.int("r") - 1) / 2)),
                    "sparsity_ratio": sizes["density"],
                ], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try FeatureBoostedConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("out_channels"),
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.size("stride"), padding: configuration.padding("padding"),
                density: configuration.number("sparsity_ratio"),
                saliency: configuration.choice(
                    "saliency", of: FeatureBoostedConv2d.Saliency.self),
                variant: configuration.choice("variant", of: FeatureBoostedConv2d.Variant.self)))
    }
}
