import Protean

extension LayerEntry {
    static let convTranspose2d = LayerEntry(
        "ConvTranspose2d", family: .convolution,
        reference: "torch.nn.ConvTranspose2d",
        summary: .fixed("transposed convolution by phases; no inserted zero is multiplied"),
        papers: ["1603.07285"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("output_padding", 0, "rows and columns added at the end"),
            .optional("groups", 1, "groups g of channels"),
            .bias(true),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("padding_mode", "zeros", "\"zeros\""),
            .optional("output_size", .null, "the call's argument: [H', W'] or null"),
        ],
        weights: [.init("weight", "[C, O/g, kh, kw]"), .init("bias", "[O]", optional: true)],
        golden: [
            "conv_transpose2d", "conv_transpose2d_crop", "conv_transpose2d_depthwise",
            "conv_transpose2d_doubling", "conv_transpose2d_empty", "conv_transpose2d_gaps",
            "conv_transpose2d_options", "conv_transpose2d_size",
        ],
        benchmark: .generic(
            "conv_transpose2d", "h=28 w=28 c=256 k=128 r=4 stride=2 pad=1",
            optional: ["pad", "dilation", "groups"]
        ) { sizes in
            LayerSample(try sizes.convolution, inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let layer = try ConvTranspose2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.size("padding"),
            outputPadding: configuration.size("output_padding"),
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"))
        let size = try configuration.optionalSize("output_size")
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), outputSize: size))]
        }
    }
}
