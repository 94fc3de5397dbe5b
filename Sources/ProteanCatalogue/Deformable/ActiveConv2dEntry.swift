import Protean

extension LayerEntry {
    static let activeConv2d = LayerEntry(
        "ActiveConv2d", family: .deformable,
        reference: "jyh2986 Active-Convolution AConvFast, type SQUARE",
        summary: .fixed("taps at learned fractional positions"),
        papers: ["1703.09076"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("num_output", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k"),
            .optional("stride", 1, "s"),
            .optional("pad", 0, "p, as for a convolution", aliases: "padding"),
            .optional(
                "position_group", 1, "groups pg of output channels with positions of their own",
                aliases: "positionGroups"),
            .optional("bias_term", true, "whether there is a bias"),
        ],
        weights: [
            .init("weight", "[O, C, k, k]"), .init("bias", "[O]", optional: true),
            .init("xpos", "[pg, 1, k, k]"), .init("ypos", "[pg, 1, k, k]"),
        ],
        golden: ["active_conv", "active_conv_even", "active_conv_options"],
        benchmark: .kernel("active_conv2d", "h=28 w=28 c=64 k=64 r=3")
    ) { configuration in
        BuiltLayer(
            try ActiveConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("num_output"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("pad"),
                positionGroups: configuration.int("position_group"),
                bias: configuration.bool("bias_term")))
    }
}
