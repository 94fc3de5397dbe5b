import Protean

extension LayerEntry {
    static let dynamicFilterConv2d = LayerEntry(
        "DynamicFilterConv2d", family: .dynamic,
        reference: "dbbert dfn DynamicFilterLayer, filters per sample",
        summary: .dynamic("the filters: given per sample"),
        papers: ["1605.09673"],
        keys: ConfigurationKey.convolution,
        inputs: [
            .init("x", "[B, C, H, W]"), .init("filters", "[B, O, C/g, kh, kw]; any layout"),
        ],
        golden: [
            "dynamic_filter_conv", "dynamic_filter_conv_depthwise", "dynamic_filter_conv_options",
        ],
        benchmark: .generic(
            "dynamic_filter_conv2d", "n=8 h=28 w=28 c=128 k=128 r=3",
            optional: ["stride", "pad", "dilation", "groups"]
        ) { sizes in
            let groups = max(1, try sizes.int("groups", default: 1))
            let (c, r) = try (sizes.int("c"), sizes.int("r"))
            return LayerSample(
                try sizes.convolution,
                inputs: [
                    "x": .map(try sizes.map),
                    "filters": .plain([try sizes.batch, try sizes.int("k"), c / groups, r, r]),
                ])
        }
    ) { configuration in
        let layer = try DynamicFilterConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.padding("padding"), dilation: configuration.size("dilation"),
            groups: configuration.int("groups"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), filters: inputs.plain("filters")))]
        }
    }
}
