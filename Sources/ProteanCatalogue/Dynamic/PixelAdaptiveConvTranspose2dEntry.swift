import Protean

extension LayerEntry {
    static let pixelAdaptiveConvTranspose2d = LayerEntry(
        "PixelAdaptiveConvTranspose2d", family: .dynamic,
        reference: "NVlabs/pacnet PacConvTranspose2d",
        summary: .dynamic("the weight of every tap at every pixel, from a guide"),
        papers: ["1904.05373"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw], odd"),
            .optional("stride", 1, "s or [sh, sw], at most 64"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("output_padding", 0, "rows and columns added at the end"),
            .optional("dilation", 1, "d or [dh, dw]"),
        ] + ConfigurationKey.pixelAdaptive,
        inputs: [.init("x", "[B, C, H, W]"), .init("guide", "[B, F, H', W']")],
        weights: [.init("weight", "[C, O, kh, kw], shared: [1, 1, kh, kw]")]
            + TensorDescription.pixelAdaptive,
        golden: [
            "pixel_adaptive_transpose", "pixel_adaptive_transpose_gaps",
            "pixel_adaptive_transpose_normalized", "pixel_adaptive_transpose_shared",
        ],
        benchmark: .generic(
            "pixel_adaptive_conv_transpose2d", "h=14 w=14 c=32 k=32 r=5", optional: ["d"]
        ) { sizes in
            let taps = try sizes.int("r"), map = try sizes.map
            let pad = (taps - 1) / 2
            // As in the reference's upsampling networks: twice the size.
            let keys: [String: ModelConfiguration.Value] = [
                "in_channels": sizes["c"], "out_channels": sizes["k"], "kernel_size": sizes["r"],
                "stride": 2, "padding": .number(Double(pad)), "output_padding": 1,
            ]
            let height = (map[1] - 1) * 2 - 2 * pad + taps + 1
            let width = (map[2] - 1) * 2 - 2 * pad + taps + 1
            let guide = [map[0], height, width, try sizes.int("d", default: 16)]
            return LayerSample(keys, inputs: ["x": .map(map), "guide": .map(guide)])
        }
    ) { configuration in
        let layer = try PixelAdaptiveConvTranspose2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.size("padding"),
            outputPadding: configuration.size("output_padding"),
            dilation: configuration.size("dilation"), bias: configuration.bool("bias"),
            options: configuration.adaptiveOptions(),
            sharesFilters: configuration.bool("shared_filters"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), guide: inputs.map("guide")))]
        }
    }
}
