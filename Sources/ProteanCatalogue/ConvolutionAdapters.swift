import Protean

extension ConfigurationKey {
    /// Arguments of `torch.nn.Conv2d` that convolutions of most kinds have; a bias has no common default.
    static let convolution = convolution(padding: "p or [ph, pw]")

    /// All arguments of `torch.nn.Conv2d`, whose padding may have a name.
    static let paddedConvolution =
        convolution(padding: "p, [ph, pw], \"same\" (stride 1 only) or \"valid\"") + [
            .bias(true), .optional("padding_mode", "zeros", "\"zeros\""),
        ]

    private static func convolution(padding: String) -> [ConfigurationKey] {
        [
            .required("in_channels", "input channels C"),
            .required("out_channels", "output channels O"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, padding),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
        ]
    }

    /// Whether there is a bias.
    static func bias(_ fallback: Bool) -> ConfigurationKey {
        .optional("bias", .bool(fallback), "whether there is a bias")
    }
}

/// Convolution and linear layers.
enum ConvolutionAdapters {
    static let all = [conv2d, linear]

    private static let conv2d = LayerAdapter(
        "Conv2d", reference: "torch.nn.Conv2d",
        keys: ConfigurationKey.paddedConvolution + [
            .optional(
                "algorithm", "auto",
                "\"auto\", \"direct\", \"winograd\", \"winograd4x4\" or \"winograd6x6\"")
        ],
        weights: [.init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true)]
    ) { configuration in
        try configuration.require("padding_mode", "zeros")
        let stride = try configuration.size("stride")
        let padding = try configuration.padding("padding")
        // PyTorch's rule; TensorFlow's `same`, which the layer knows too, allows other strides.
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

    private static let linear = LayerAdapter(
        "Linear", reference: "torch.nn.Linear",
        keys: [
            .required("in_features", "size I of the innermost axis of x"),
            .required("out_features", "size O of the innermost axis of y"),
            .optional("bias", true, "whether there is a bias"),
        ],
        inputs: [.init("x", "[..., I]")],
        weights: [.init("weight", "[O, I]"), .init("bias", "[O]", optional: true)],
        outputs: [.init("y", "[..., O]")]
    ) { configuration in
        let layer = try Linear(
            inputFeatures: configuration.int("in_features"),
            outputFeatures: configuration.int("out_features"), bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }
}
