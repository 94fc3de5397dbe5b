import Protean

extension LayerEntry {
    static let avgPool2d = LayerEntry(
        "AvgPool2d", family: .pooling,
        reference: "torch.nn.AvgPool2d",
        summary: .fixed("PyTorch's window rules"),
        keys: [
            .poolingKernelSize, .poolingStride, .poolingPadding, .ceilMode,
            .optional("count_include_pad", true, "whether padding counts in the divisor"),
            .optional("divisor_override", .null, "the divisor; null: the window's area"),
        ],
        outputs: [.resizedMap],
        golden: ["avg_pool", "avg_pool_divisor", "avg_pool_options"],
        benchmark: .kernel("avg_pool2d", "h=56 w=56 c=64 r=2 stride=2")
    ) { configuration in
        BuiltLayer(
            try AvgPool2d(
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.optionalSize("stride"),
                padding: configuration.size("padding"), ceilMode: configuration.bool("ceil_mode"),
                countIncludePad: configuration.bool("count_include_pad"),
                divisorOverride: configuration.optionalInt("divisor_override")))
    }
}
