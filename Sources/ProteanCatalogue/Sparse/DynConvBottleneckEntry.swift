import Protean

extension LayerEntry {
    static let dynConvBottleneck = LayerEntry(
        "DynConvBottleneck", family: .sparse,
        reference: "dynconv Bottleneck with sparse=True, in inference",
        summary: .dynamic("which pixels are computed"),
        papers: ["1912.03203"],
        keys: [
            .required("inplanes", "input channels C", aliases: "inputChannels"),
            .required("planes", "width P; 4 P output channels", aliases: "channels"),
            .optional("stride", 1, "s"),
            .optional(
                "downsample", .null,
                "true: 1 x 1 convolution and batch norm, needed where stride is not 1 or C is not 4 P; null or false: none"
            ),
            .optional("groups", 1, "groups g of the 3 x 3 convolution"),
            .optional("base_width", 64, "inner width D is P * base_width / 64 * g"),
            .optional("dilation", 1, "d"),
            .optional("norm_layer", .null, "null"),
            .optional("sparse", true, "true"),
        ],
        weights: [
            .init("conv1.weight, conv2.weight", "[D, C, 1, 1], [D, D/g, 3, 3]"),
            .init("conv3.weight", "[4 P, D, 1, 1]"),
            .init("bn1.*, bn2.*, bn3.*", "[D], [D], [4 P]"),
            .init("downsample.0.weight", "[4 P, C, 1, 1]", optional: true),
            .init("downsample.1.*", "[4 P]", optional: true),
            .init("masker.maskconv.fc.*", "[1, C], [1]"),
            .init("masker.maskconv.conv.*", "[1, C, 3, 3], [1]"),
        ],
        outputs: [.init("y", "[B, 4 P, H', W']"), .init("mask", "[B, 1, H', W']")],
        golden: ["dynconv_bottleneck", "dynconv_bottleneck_grouped", "dynconv_bottleneck_strided"],
        benchmark: .kernel("dynconv_bottleneck", "h=28 w=28 c=32 density=0.5")
    ) { configuration in
        try configuration.require("norm_layer", .null)
        try configuration.require("sparse", true)
        let layer = try DynConvBottleneck(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            stride: configuration.positive("stride"),
            downsample: configuration.isNull("downsample")
                ? false : configuration.bool("downsample"),
            groups: configuration.positive("groups"),
            baseWidth: configuration.positive("base_width"),
            dilation: configuration.positive("dilation"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.masker(x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }
}
