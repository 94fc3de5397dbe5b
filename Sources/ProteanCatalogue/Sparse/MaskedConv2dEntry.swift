import Protean

extension LayerEntry {
    static let maskedConv2d = LayerEntry(
        "MaskedConv2d", family: .sparse,
        reference: "torch.nn.Conv2d, then zero where the mask is 0",
        summary: .dynamic("which pixels are computed"),
        papers: ["1912.03203"],
        keys: ConfigurationKey.paddedConvolution + [
            .optional("algorithm", "auto", "\"auto\", \"direct\", \"winograd\" or \"dense\"")
        ],
        inputs: [.init("x", "[B, C, H, W]"), .outputMask],
        weights: TensorDescription.convolution,
        golden: [
            "masked_conv_auto", "masked_conv_dense", "masked_conv_depthwise", "masked_conv_direct",
            "masked_conv_options", "masked_conv_winograd",
        ],
        benchmark: .kernel("masked_conv2d", "h=28 w=28 c=128 k=128 r=3 density=0.3")
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let stride = try configuration.size("stride")
        let padding = try configuration.padding("padding")
        if padding == .same, stride != 1 {
            throw configuration.refusal("padding", "numbers or \"valid\" for a stride other than 1")
        }
        let layer = try MaskedConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: stride, padding: padding,
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"),
            algorithm: configuration.choice("algorithm", of: MaskedConv2dAlgorithm.self))
        return BuiltLayer(layer) { inputs in
            let plan = try MaskPlan(try inputs.map("mask"))
            return [.map("y", try layer(try inputs.map("x"), mask: plan))]
        }
    }
}
