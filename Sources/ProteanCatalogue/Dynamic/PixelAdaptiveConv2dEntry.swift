import Protean

extension LayerEntry {
    static let pixelAdaptiveConv2d = LayerEntry(
        "PixelAdaptiveConv2d", family: .dynamic,
        reference: "NVlabs/pacnet PacConv2d",
        summary: .dynamic("the weight of every tap at every pixel, from a guide"),
        papers: ["1904.05373"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw], odd"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("dilation", 1, "d or [dh, dw]"),
        ] + ConfigurationKey.pixelAdaptive,
        inputs: [.init("x", "[B, C, H, W]"), .init("guide", "[B, F, H, W]")],
        weights: [.init("weight", "[O, C, kh, kw], shared: [1, 1, kh, kw]")]
            + TensorDescription.pixelAdaptive,
        golden: [
            "pixel_adaptive", "pixel_adaptive_fixed", "pixel_adaptive_inverse",
            "pixel_adaptive_normalized", "pixel_adaptive_shared", "pixel_adaptive_smooth",
        ],
        benchmark: .generic(
            "pixel_adaptive_conv2d", "h=28 w=28 c=32 k=32 r=3 d=16",
            optional: ["stride", "pad", "dilation", "d"]
        ) { sizes in
            var keys = try sizes.convolution
            keys["groups"] = nil
            let map = try sizes.map
            let guide = Array(map.dropLast()) + [try sizes.int("d", default: 16)]
            return LayerSample(keys, inputs: ["x": .map(map), "guide": .map(guide)])
        }
    ) { configuration in
        let layer = try PixelAdaptiveConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.size("padding"), dilation: configuration.size("dilation"),
            bias: configuration.bool("bias"), options: configuration.adaptiveOptions(),
            sharesFilters: configuration.bool("shared_filters"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), guide: inputs.map("guide")))]
        }
    }
}
