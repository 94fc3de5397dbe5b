import Protean

/// Layers that sample their kernels.
enum DeformableKernelAdapters {
    static let all = [local, global, displaced]

    /// Keys of all three, with what is said of the channels.
    private static func keys(_ inputs: String, _ outputs: String) -> [ConfigurationKey] {
        [
            .required("weight_shape", "[sh, sw] of the scope"),
            .required("in_planes", inputs),
            .required("out_planes", outputs),
            .optional("kernel_size", 1, "k"),
            .optional("stride", 1, "s"),
            .optional("padding", 0, "p"),
            .optional("dilation", 1, "d"),
        ]
    }

    private static let depthwise =
        keys("channels C", "the same") + [.required("groups", "the same: depthwise only")]

    private static func depthwiseChannels(_ configuration: LayerConfiguration) throws -> Int {
        let channels = try configuration.int("in_planes")
        for key in ["out_planes", "groups"] where try configuration.int(key) != channels {
            throw configuration.refusal(key, "\(channels), as in_planes")
        }
        return channels
    }

    private static let local = LayerAdapter(
        "DeformableKernelConv2d", reference: "hangg7 LocalDeformKernel2d",
        keys: depthwise + [
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
        let channels = try depthwiseChannels(configuration)
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
        keys: keys("input channels C", "output channels O") + [
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
        keys: depthwise,
        weights: [
            .init("offset_conv.weight", "[2 * k * k, C, k, k]"),
            .init("offset_conv.bias", "[2 * k * k]"),
            .init("inner_conv.weight", "[C, 1, sh, sw]"),
        ],
        outputs: [.init("y", "[B, C, H', W']")]
    ) { configuration in
        let channels = try depthwiseChannels(configuration)
        return BuiltLayer(
            try DisplacedDeformableKernelConv2d(
                channels: channels, scope: configuration.size("weight_shape"),
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.int("padding"), dilation: configuration.int("dilation")))
    }
}
