import Protean

extension LayerEntry {
    static let maxPool2d = LayerEntry(
        "MaxPool2d", family: .pooling,
        reference: "torch.nn.MaxPool2d",
        summary: .fixed("PyTorch's window rules"),
        keys: [
            .poolingKernelSize, .poolingStride, .poolingPadding,
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("return_indices", false, "false"), .ceilMode,
        ],
        outputs: [.resizedMap],
        golden: ["max_pool", "max_pool_options"],
        benchmark: .kernel("max_pool2d", "h=112 w=112 c=64 r=3 stride=2")
    ) { configuration in
        try configuration.require("return_indices", false)
        return BuiltLayer(
            try MaxPool2d(
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.optionalSize("stride"),
                padding: configuration.size("padding"), dilation: configuration.size("dilation"),
                ceilMode: configuration.bool("ceil_mode")))
    }
}
