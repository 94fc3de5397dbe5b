import Protean

extension LayerEntry {
    static let dynConvBasicBlock = LayerEntry(
        "DynConvBasicBlock", family: .sparse,
        reference: "dynconv BasicBlock with sparse=True, in inference",
        summary: .dynamic("which pixels are computed"),
        papers: ["1912.03203"],
        keys: [
            .required("inplanes", "input channels C", aliases: "inputChannels"),
            .required("planes", "output channels P", aliases: "channels"),
            .optional("stride", 1, "s"), .downsample,
            .optional("norm_layer", .null, "null"),
            .optional("sparse", true, "true"),
        ],
        weights: [
            .init("conv1.weight, conv2.weight", "[P, C, 3, 3], [P, P, 3, 3]"),
            .init("bn1.*, bn2.*", "[P]"),
            .init("downsample.0.weight", "[P, C, 1, 1]", optional: true),
            .init("downsample.1.*", "[P]", optional: true),
            .init("masker.maskconv.fc.*", "[1, C], [1]"),
            .init("masker.maskconv.conv.*", "[1, C, 3, 3], [1]"),
        ],
        outputs: [.init("y", "[B, P, H', W']"), .init("mask", "[B, 1, H', W']")],
        golden: ["dynconv_basic", "dynconv_basic_strided"],
        benchmark: .generic("dynconv_basic_block", "h=28 w=28 c=64") { sizes in
            LayerSample(
                ["inplanes": sizes["c"], "planes": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.require("norm_layer", .null)
        try configuration.require("sparse", true)
        let layer = try DynConvBasicBlock(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            stride: configuration.positive("stride"), downsample: configuration.downsample())
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.masker(x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }
}
