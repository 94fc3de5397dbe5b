import Protean

/// Layers that compute at the active pixels of a mask.
enum SparseAdapters {
    static let all = [maskedConv2d, submanifoldConv2d, dynConvBottleneck, pointRefine]

    private static let mask = LayerAdapter.TensorDescription(
        "mask", "[B, 1, H', W'], not 0: active")

    private static let maskedConv2d = LayerAdapter(
        "MaskedConv2d", reference: "torch.nn.Conv2d, then zero where the mask is 0",
        keys: ConfigurationKey.paddedConvolution + [
            .optional("algorithm", "auto", "\"auto\", \"direct\", \"winograd\" or \"dense\"")
        ],
        inputs: [.init("x", "[B, C, H, W]"), mask],
        weights: [.init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true)]
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

    private static let submanifoldConv2d = LayerAdapter(
        "SubmanifoldConv2d", reference: "submanifold convolution: mask, torch.nn.Conv2d, mask",
        keys: [
            .required("in_channels", "input channels C"),
            .required("out_channels", "output channels O"),
            .optional("kernel_size", 3, "k or [kh, kw], odd"),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", true, "whether there is a bias"),
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("mask", "[B, 1, H, W], not 0: active")],
        weights: [.init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true)],
        outputs: [.init("y", "[B, O, H, W]")]
    ) { configuration in
        let layer = try SubmanifoldConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"),
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            let plan = try MaskPlan(try inputs.map("mask"))
            return [.map("y", try layer(try inputs.map("x"), mask: plan))]
        }
    }

    private static let dynConvBottleneck = LayerAdapter(
        "DynConvBottleneck", reference: "dynconv Bottleneck with sparse=True, in inference",
        keys: [
            .required("inplanes", "input channels C"),
            .required("planes", "width P; 4 P output channels"),
            .optional("stride", 1, "s"),
            .optional(
                "downsample", .null,
                "true: 1 x 1 convolution and batch norm, needed where stride is not 1 or C is not 4 P; null or false: none"
            ),
            .optional("groups", 1, "groups g of the 3 x 3 convolution"),
            .optional("base_width", 64, "inner width D is P * base_width / 64 * g"),
            .optional("dilation", 1, "d"),
            .optional("norm_layer", .null, "null"),
            .optional("sparse", true, "true"),
        ],
        weights: [
            .init("conv1.weight, conv2.weight", "[D, C, 1, 1], [D, D/g, 3, 3]"),
            .init("conv3.weight", "[4 P, D, 1, 1]"),
            .init("bn1.*, bn2.*, bn3.*", "[D], [D], [4 P]"),
            .init("downsample.0.weight", "[4 P, C, 1, 1]", optional: true),
            .init("downsample.1.*", "[4 P]", optional: true),
            .init("masker.maskconv.fc.*", "[1, C], [1]"),
            .init("masker.maskconv.conv.*", "[1, C, 3, 3], [1]"),
        ],
        outputs: [.init("y", "[B, 4 P, H', W']"), .init("mask", "[B, 1, H', W']")]
    ) { configuration in
        try configuration.require("norm_layer", .null)
        try configuration.require("sparse", true)
        let layer = try DynConvBottleneck(
            inputChannels: configuration.int("inplanes"), planes: configuration.int("planes"),
            stride: configuration.positive("stride"),
            downsample: configuration.isNull("downsample")
                ? false : configuration.bool("downsample"),
            groups: configuration.positive("groups"),
            baseWidth: configuration.positive("base_width"),
            dilation: configuration.positive("dilation"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.masker(x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }
}
