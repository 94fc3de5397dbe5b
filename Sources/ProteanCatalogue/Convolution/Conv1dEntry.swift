import Protean

extension LayerEntry {
    static let conv1d = LayerEntry(
        "Conv1d", family: .convolution,
        reference: "torch.nn.Conv1d",
        summary: .fixed("convolution along sequences: groups, stride, dilation, any padding"),
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [k]"),
            .optional("stride", 1, "s or [s]"),
            .optional("padding", 0, "p, [p], \"same\" (stride 1 only) or \"valid\""),
            .optional("dilation", 1, "d or [d]"),
            .optional("groups", 1, "groups g of channels"),
            .bias(true),
            .optional("padding_mode", "zeros", "\"zeros\""),
        ],
        inputs: [.init("x", "[B, C, L]")],
        weights: [.init("weight", "[O, C/g, k]"), .init("bias", "[O]", optional: true)],
        outputs: [.init("y", "[B, O, L']")],
        golden: ["conv1d", "conv1d_depthwise", "conv1d_options", "conv1d_same", "conv1d_valid"],
        benchmark: .generic(
            "conv1d", "w=1024 c=64 k=64 r=3", optional: ["stride", "pad", "dilation", "groups"]
        ) { sizes in
            LayerSample(
                try sizes.convolution,
                inputs: ["x": .map([try sizes.batch, try sizes.int("w"), try sizes.int("c")])])
        }
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let stride = try configuration.single("stride")
        let padding = try configuration.sequencePadding("padding")
        // PyTorch's rule; the layer itself allows other strides.
        if padding == .same, stride != 1 {
            throw configuration.refusal("padding", "numbers or \"valid\" for a stride other than 1")
        }
        let layer = try Conv1d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.single("kernel_size"), stride: stride, padding: padding,
            dilation: configuration.single("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in [.map("y", try layer(inputs.channelsLast("x")))] }
    }
}
