import Protean

/// Pooling over windows.
enum PoolingAdapters {
    static let all = [maxPool2d, avgPool2d, adaptiveAvgPool2d]

    private static let outputs = [LayerAdapter.TensorDescription("y", "[B, C, H', W']")]
    private static let kernelSize = ConfigurationKey.required("kernel_size", "k or [kh, kw]")
    private static let stride = ConfigurationKey.optional(
        "stride", .null, "s or [sh, sw]; null: kernel_size")
    private static let padding = ConfigurationKey.optional("padding", 0, "p or [ph, pw]")
    private static let ceilMode = ConfigurationKey.optional(
        "ceil_mode", false, "whether output sizes are rounded up")

    private static let maxPool2d = LayerAdapter(
        "MaxPool2d", reference: "torch.nn.MaxPool2d",
        keys: [
            kernelSize, stride, padding, .optional("dilation", 1, "d or [dh, dw]"),
            .optional("return_indices", false, "false"), ceilMode,
        ],
        outputs: outputs
    ) { configuration in
        try configuration.require("return_indices", false)
        return BuiltLayer(
            try MaxPool2d(
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.optionalSize("stride"),
                padding: configuration.size("padding"), dilation: configuration.size("dilation"),
                ceilMode: configuration.bool("ceil_mode")))
    }

    private static let avgPool2d = LayerAdapter(
        "AvgPool2d", reference: "torch.nn.AvgPool2d",
        keys: [
            kernelSize, stride, padding, ceilMode,
            .optional("count_include_pad", true, "whether padding counts in the divisor"),
            .optional("divisor_override", .null, "the divisor; null: the window's area"),
        ],
        outputs: outputs
    ) { configuration in
        BuiltLayer(
            try AvgPool2d(
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.optionalSize("stride"),
                padding: configuration.size("padding"), ceilMode: configuration.bool("ceil_mode"),
                countIncludePad: configuration.bool("count_include_pad"),
                divisorOverride: configuration.optionalInt("divisor_override")))
    }

    private static let adaptiveAvgPool2d = LayerAdapter(
        "AdaptiveAvgPool2d", reference: "torch.nn.AdaptiveAvgPool2d",
        keys: [.required("output_size", "n or [h, w]; null keeps the input's size")],
        outputs: outputs
    ) { configuration in
        let (height, width) = try configuration.pairOfOptionals("output_size")
        return BuiltLayer(try AdaptiveAvgPool2d(height: height, width: width))
    }
}
