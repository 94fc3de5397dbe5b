import Protean

/// Layers that sample their kernels.
enum DeformableKernelAdapters {
    static let all = [local, global, displaced]

    private static let local = LayerAdapter(
        "DeformableKernelConv2d", reference: "hangg7 LocalDeformKernel2d",
        keys: [
            .required("weight_shape", "[sh, sw] of the scope"),
            .required("in_planes", "channels C"),
            .required("out_planes", "the same"),
            .optional("kernel_size", 1, "k"),
            .optional("stride", 1, "s"),
            .optional("padding", 0, "p"),
            .optional("dilation", 1, "d"),
            .required("groups", "the same: depthwise only"),
            .optional("rotation_groups", 1, "groups rg that share rotations, c mod rg"),
            .optional("rotation_clip", .null, "null or \"scope\""),
        ],
        weights: [
            .init("rotation_conv.weight", "[2 * rg * k * k, C, k, k]"),
            .init("rotation_conv.bias", "[2 * rg * k * k]"),
            .init("inner_conv.weight", "[C, 1, sh, sw]"),
        ],
        outputs: [.init("y", "[B, C, H', W']")]
    ) { configuration in
        let channels = try configuration.int("in_planes")
        for key in ["out_planes", "groups"] where try configuration.int(key) != channels {
            throw configuration.refusal(key, "\(channels), as in_planes")
        }
        if !configuration.isNull("rotation_clip") {
            _ = try configuration.choice("rotation_clip", ["scope"])
        }
        return BuiltLayer(
            try DeformableKernelConv2d(
                channels: channels, scope: configuration.size("weight_shape"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("padding"), dilation: configuration.int("dilation"),
                rotationGroups: configuration.int("rotation_groups"),
                clipsToScope: !configuration.isNull("rotation_clip")))
    }

    private static let global = LayerAdapter(
        "GlobalDeformableKernelConv2d", reference: "hangg7 GlobalDeformKernel2d",
        keys: [
            .required("weight_shape", "[sh, sw] of the scope"),
            .required("in_planes", "input channels C"),
            .required("out_planes", "output channels O"),
            .optional("kernel_size", 1, "k"),
            .optional("stride", 1, "s"),
            .optional("padding", 0, "p"),
            .optional("dilation", 1, "d"),
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", false, "false: there is none"),
        ],
        weights: [
            .init("weight", "[O, C/g, sh, sw]"), .init("fc.weight", "[2 * k * k, C]"),
            .init("fc.bias", "[2 * k * k]"),
        ]
    ) { configuration in
        try configuration.require("bias", false)
        return BuiltLayer(
            try GlobalDeformableKernelConv2d(
                inputChannels: configuration.int("in_planes"),
                outputChannels: configuration.int("out_planes"),
                scope: configuration.size("weight_shape"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("padding"), dilation: configuration.int("dilation"),
                groups: configuration.int("groups")))
    }

    private static let displaced = LayerAdapter(
        "DisplacedDeformableKernelConv2d", reference: "hangg7 DeformKernelConv2d",
        keys: [
            .required("weight_shape", "[sh, sw] of the scope"),
            .required("in_planes", "channels C"),
            .required("out_planes", "the same"),
            .optional("kernel_size", 1, "k"),
            .optional("stride", 1, "s"),
            .optional("padding", 0, "p"),
            .optional("dilation", 1, "d"),
            .required("groups", "the same: depthwise only"),
        ],
        weights: [
            .init("offset_conv.weight", "[2 * k * k, C, k, k]"),
            .init("offset_conv.bias", "[2 * k * k]"),
            .init("inner_conv.weight", "[C, 1, sh, sw]"),
        ],
        outputs: [.init("y", "[B, C, H', W']")]
    ) { configuration in
        let channels = try configuration.int("in_planes")
        for key in ["out_planes", "groups"] where try configuration.int(key) != channels {
            throw configuration.refusal(key, "\(channels), as in_planes")
        }
        return BuiltLayer(
            try DisplacedDeformableKernelConv2d(
                channels: channels, scope: configuration.size("weight_shape"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("padding"), dilation: configuration.int("dilation")))
    }
}
