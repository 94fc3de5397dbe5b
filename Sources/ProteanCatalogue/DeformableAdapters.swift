import Protean

/// Layers that sample where their input tells them to.
enum DeformableAdapters {
    static let all =
        [deformableConv2d] + packs + [dcnv3, dcnv4, activeConv2d]
        + DeformableKernelAdapters.all + SamplingAdapters.all

    private static let deformableConv2d = LayerAdapter(
        "DeformableConv2d", reference: "torchvision.ops.DeformConv2d",
        keys: ConfigurationKey.convolution + [.bias(true)],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("offset", "[B, offset groups * 2 * kh * kw, H', W'], (y, x) per tap"),
            .init("mask", "[B, offset groups * kh * kw, H', W']", optional: true),
        ],
        weights: [
            .init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true),
        ]
    ) { configuration in
        let layer = try DeformableConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.padding("padding"), dilation: configuration.size("dilation"),
            groups: configuration.int("groups"), bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            let offset = try inputs.map("offset"), mask = try inputs.optionalMap("mask")
            return [.map("y", try layer(inputs.map("x"), offset: offset, mask: mask))]
        }
    }

    private static let packs = [
        pack(
            "DeformableConv2dPack", reference: "mmcv DeformConv2dPack", bias: false, numbers: 2,
            DeformableConv2dPack.init(
                inputChannels:outputChannels:kernelSize:stride:padding:dilation:groups:
                offsetGroups:bias:seed:)),
        pack(
            "ModulatedDeformableConv2d", reference: "mmcv ModulatedDeformConv2dPack", bias: true,
            numbers: 3,
            ModulatedDeformableConv2d.init(
                inputChannels:outputChannels:kernelSize:stride:padding:dilation:groups:
                offsetGroups:bias:seed:)),
    ]

    /// A layer that predicts so many numbers for each tap and group of displacements.
    private static func pack<Pack: Layer>(
        _ name: String, reference: String, bias: Bool, numbers: Int,
        _ make:
            @escaping @Sendable (
                Int, Int, Size2d, Size2d, Padding2d, Size2d, Int, Int, Bool, UInt64
            ) throws(ProteanError) -> Pack
    ) -> LayerAdapter {
        LayerAdapter(
            name, reference: reference,
            keys: ConfigurationKey.convolution + [
                .optional("deform_groups", 1, "groups dg that share displacements"), .bias(bias),
            ],
            weights: [
                .init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true),
                .init("conv_offset.weight", "[\(numbers) * dg * kh * kw, C, kh, kw]"),
                .init("conv_offset.bias", "[\(numbers) * dg * kh * kw]"),
            ]
        ) { configuration in
            let layer = try make(
                configuration.int("in_channels"), configuration.int("out_channels"),
                configuration.size("kernel_size"), configuration.size("stride"),
                configuration.padding("padding"), configuration.size("dilation"),
                configuration.int("groups"), configuration.int("deform_groups"),
                configuration.bool("bias"), 0)
            return BuiltLayer(layer, keyMap: .deformable)
        }
    }

    private static let activeConv2d = LayerAdapter(
        "ActiveConv2d", reference: "jyh2986 Active-Convolution AConvFast, type SQUARE",
        keys: [
            .required("in_channels", "input channels C"),
            .required("num_output", "output channels O"),
            .required("kernel_size", "k"),
            .optional("stride", 1, "s"),
            .optional("pad", 0, "p, as for a convolution"),
            .optional(
                "position_group", 1, "groups pg of output channels with positions of their own"),
            .optional("bias_term", true, "whether there is a bias"),
        ],
        weights: [
            .init("weight", "[O, C, k, k]"), .init("bias", "[O]", optional: true),
            .init("xpos", "[pg, 1, k, k]"), .init("ypos", "[pg, 1, k, k]"),
        ]
    ) { configuration in
        BuiltLayer(
            try ActiveConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("num_output"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("pad"),
                positionGroups: configuration.int("position_group"),
                bias: configuration.bool("bias_term")))
    }

    private static let aggregationKeys: [ConfigurationKey] = [
        .optional("channels", 64, "channels C"),
        .optional("kernel_size", 3, "k"),
        .optional("dw_kernel_size", .null, "kernel size kd of the depthwise convolution"),
        .optional("stride", 1, "s, which must keep the map's size"),
        .optional("pad", 1, "p"),
        .optional("dilation", 1, "d"),
        .optional("group", 4, "groups G of channels"),
        .optional("offset_scale", 1, "factor of the whole grid"),
        .optional("center_feature_scale", false, "whether a gate blends in the pixel itself"),
        .optional("remove_center", false, "whether the point in the middle is left out"),
    ]

    private static let gateWeights: [LayerAdapter.TensorDescription] = [
        .init("center_feature_scale_proj_weight", "[G, C]", optional: true),
        .init("center_feature_scale_proj_bias", "[G]", optional: true),
    ]

    private static let dcnv3 = LayerAdapter(
        "DCNv3", reference: "OpenGVLab InternImage DCNv3",
        keys: aggregationKeys + [
            .optional("act_layer", "GELU", "activation"),
            .optional("norm_layer", "LN", "\"LN\" or \"BN\""),
        ],
        weights: [
            .init("dw_conv.0.weight", "[C, 1, kd, kd]"), .init("dw_conv.0.bias", "[C]"),
            .init("dw_conv.1.1.weight", "[C] (BN: dw_conv.1.0.*)"),
            .init("dw_conv.1.1.bias", "[C]"),
            .init("offset.weight", "[2 * G * points, C]"), .init("offset.bias", "[2 * G * points]"),
            .init("mask.weight", "[G * points, C]"), .init("mask.bias", "[G * points]"),
            .init("input_proj.weight", "[C, C]"), .init("input_proj.bias", "[C]"),
            .init("output_proj.weight", "[C, C]"), .init("output_proj.bias", "[C]"),
        ] + gateWeights,
        outputs: [.init("y", "[B, C, H, W]")]
    ) { configuration in
        BuiltLayer(
            try DCNv3(
                channels: configuration.int("channels"),
                kernelSize: configuration.size("kernel_size"),
                depthwiseKernelSize: configuration.optionalSize("dw_kernel_size"),
                stride: configuration.size("stride"), padding: configuration.size("pad"),
                dilation: configuration.size("dilation"), groups: configuration.int("group"),
                offsetScale: Float(configuration.number("offset_scale")),
                activation: configuration.activation("act_layer"),
                norm: configuration.choice("norm_layer", of: DCNv3.Norm.self),
                centerFeatureScale: configuration.bool("center_feature_scale"),
                removeCenter: configuration.bool("remove_center")))
    }

    private static let dcnv4 = LayerAdapter(
        "DCNv4", reference: "OpenGVLab DCNv4",
        keys: aggregationKeys + [
            .optional("output_bias", true, "whether output_proj has a bias"),
            .optional("without_pointwise", false, "whether the projections are left out"),
        ],
        weights: [
            .init("offset_mask.weight", "[3 * G * points rounded up to 8, C]"),
            .init("offset_mask.bias", "[3 * G * points rounded up to 8]"),
            .init("offset_mask_dw.weight", "[C, 1, kd, kd]", optional: true),
            .init("offset_mask_dw.bias", "[C]", optional: true),
            .init("value_proj.weight", "[C, C]", optional: true),
            .init("value_proj.bias", "[C]", optional: true),
            .init("output_proj.weight", "[C, C]", optional: true),
            .init("output_proj.bias", "[C]", optional: true),
        ] + gateWeights,
        outputs: [.init("y", "[B, C, H, W]")]
    ) { configuration in
        BuiltLayer(
            try DCNv4(
                channels: configuration.int("channels"),
                kernelSize: configuration.size("kernel_size"),
                stride: configuration.size("stride"), padding: configuration.size("pad"),
                dilation: configuration.size("dilation"), groups: configuration.int("group"),
                offsetScale: Float(configuration.number("offset_scale")),
                depthwiseKernelSize: configuration.optionalSize("dw_kernel_size"),
                centerFeatureScale: configuration.bool("center_feature_scale"),
                removeCenter: configuration.bool("remove_center"),
                outputBias: configuration.bool("output_bias"),
                withoutPointwise: configuration.bool("without_pointwise")))
    }
}
