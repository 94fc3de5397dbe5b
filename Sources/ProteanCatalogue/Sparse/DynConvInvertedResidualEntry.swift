import Protean

extension LayerEntry {
    static let dynConvInvertedResidual = LayerEntry(
        "DynConvInvertedResidual", family: .sparse,
        reference: "dynconv InvertedResidual of MobileNetV2 with sparse=True, in inference",
        summary: .dynamic("which pixels are computed"),
        papers: ["1912.03203"],
        keys: [
            .required("inp", "input channels C", aliases: "inputChannels", "channels"),
            .required("oup", "output channels; C", aliases: "outputChannels"),
            .optional("stride", 1, "1"),
            .required("expand_ratio", "hidden channels D over C, not 1"),
            .optional("sparse", true, "true"),
            .optional("kind", "pointwise", "the mask unit: \"pointwise\" or \"squeeze\""),
        ],
        weights: [
            .init("conv.0.weight, conv.1.*", "[D, C, 1, 1], [D]"),
            .init("conv.3.weight, conv.4.*", "[D, 1, 3, 3], [D]"),
            .init("conv.6.weight, conv.7.*", "[C, D, 1, 1], [C]"),
            .init("masker.maskconv.*", "as of DynConvMaskUnit"),
        ],
        outputs: [.init("y", "[B, C, H, W]"), .init("mask", "[B, 1, H, W]")],
        golden: ["dynconv_inverted", "dynconv_inverted_squeeze"],
        benchmark: .generic("dynconv_inverted_residual", "h=28 w=28 c=32") { sizes in
            LayerSample(
                ["inp": sizes["c"], "oup": sizes["c"], "expand_ratio": 6],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.require("stride", 1)
        try configuration.require("sparse", true)
        let channels = try configuration.positive("inp")
        try configuration.require("oup", .number(Double(channels)))
        let layer = try DynConvInvertedResidual(
            channels: channels, expandRatio: configuration.number("expand_ratio"),
            maskUnit: configuration.choice("kind", of: DynConvMaskUnit.Kind.self))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.masker(x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }
}
