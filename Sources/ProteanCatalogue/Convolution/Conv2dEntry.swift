import Protean

extension LayerEntry {
    static let conv2d = LayerEntry(
        "Conv2d", family: .convolution,
        reference: "torch.nn.Conv2d",
        summary: .fixed("groups, depthwise, stride, dilation, any padding; fused epilogues"),
        keys: ConfigurationKey.paddedConvolution + [
            .optional(
                "algorithm", "auto",
                "\"auto\", \"direct\", \"winograd\", \"winograd4x4\" or \"winograd6x6\"")
        ],
        weights: TensorDescription.convolution,
        golden: ["conv2d", "conv2d_depthwise", "conv2d_empty", "conv2d_options", "conv2d_same"],
        benchmark: .kernel("conv2d", "h=28 w=28 c=128 k=128 r=3")
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let stride = try configuration.size("stride")
        let padding = try configuration.padding("padding")
        // PyTorch's rule; the layer also accepts TensorFlow's `same`, which allows other strides.
        if padding == .same, stride != 1 {
            throw configuration.refusal("padding", "numbers or \"valid\" for a stride other than 1")
        }
        return BuiltLayer(
            try Conv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("out_channels"),
                kernelSize: configuration.size("kernel_size"), stride: stride, padding: padding,
                dilation: configuration.size("dilation"), groups: configuration.int("groups"),
                bias: configuration.bool("bias"),
                algorithm: configuration.choice("algorithm", of: Conv2dAlgorithm.self)))
    }
}
