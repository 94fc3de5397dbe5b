import Protean

extension ConfigurationKey {
    /// Arguments of `torch.nn.Conv2d` that most kinds of convolutions have; the bias is not among
    /// them, because its default differs.
    static let convolution = convolution(padding: "p or [ph, pw]")

    /// As above with a bias: the keys that ``LayerConfiguration/conv2d(padding:)`` reads.
    static let convolutionWithBias = convolution + [.bias(true)]

    /// All arguments of `torch.nn.Conv2d`, whose padding may be `"same"` or `"valid"`.
    static let paddedConvolution =
        convolution(padding: "p, [ph, pw], \"same\" (stride 1 only) or \"valid\"") + [
            .bias(true), .optional("padding_mode", "zeros", "\"zeros\""),
        ]

    private static func convolution(padding: String) -> [ConfigurationKey] {
        [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
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

extension LayerEntry.TensorDescription {
    /// Weights of `torch.nn.Conv2d`.
    static let convolution: [LayerEntry.TensorDescription] = [
        .init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true),
    ]
}

extension LayerConfiguration {
    /// The convolution of ``ConfigurationKey/convolutionWithBias``.
    func conv2d(padding: Padding2d? = nil) throws -> Conv2d {
        try Conv2d(
            inputChannels: int("in_channels"), outputChannels: int("out_channels"),
            kernelSize: size("kernel_size"), stride: size("stride"),
            padding: padding ?? self.padding("padding"), dilation: size("dilation"),
            groups: int("groups"), bias: bool("bias"))
    }
}
