import Protean

extension LayerEntry {
    static let selectedConv2d = LayerEntry(
        "SelectedConv2d", family: .width,
        reference: "torch.nn.Conv2d, masked by channel and sample",
        summary: .dynamic("which channels each sample computes"),
        papers: ["1810.05331", "1806.01531"],
        keys: ConfigurationKey.paddedConvolution + [
            .optional("way", "auto", "\"auto\", \"compact\" or \"panels\"")
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("gates", "[B, O]")],
        weights: TensorDescription.convolution,
        golden: ["selected_conv2d", "selected_conv2d_depthwise", "selected_conv2d_options"],
        benchmark: .generic("selected_conv2d", "h=28 w=28 c=64 k=128 r=3") { sizes in
            let batch = try sizes.batch
            return LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                    "padding": .number(Double((try sizes.int("r") - 1) / 2)),
                ],
                inputs: [
                    "x": .map(try sizes.map), "gates": .plain([batch, try sizes.int("k")]),
                ])
        }
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let stride = try configuration.size("stride")
        let padding = try configuration.padding("padding")
        if padding == .same, stride != 1 {
            throw configuration.refusal("padding", "numbers or \"valid\" for a stride other than 1")
        }
        let layer = try SelectedConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: stride, padding: padding,
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"),
            way: configuration.choice("way", of: SelectedConv2dWay.self))
        return BuiltLayer(layer) { inputs in
            let outputs = try ChannelPlan(nonzero: try inputs.plain("gates"))
            return [.map("y", try layer(try inputs.map("x"), outputs: outputs))]
        }
    }
}
