import Protean

extension LayerEntry {
    static let deformableKernelConv2d = LayerEntry(
        "DeformableKernelConv2d", family: .deformable,
        reference: "hangg7 LocalDeformKernel2d",
        summary: .dynamic(
            "where the kernel itself is sampled, per output or per sample; or the input"),
        papers: ["1910.02940"],
        keys: ConfigurationKey.depthwiseDeformableKernel + [
            .optional("rotation_groups", 1, "groups rg that share rotations, c mod rg"),
            .optional("rotation_clip", .null, "null or \"scope\""),
        ],
        weights: [
            .init("rotation_conv.weight", "[2 * rg * k * k, C, k, k]"),
            .init("rotation_conv.bias", "[2 * rg * k * k]"),
            .init("inner_conv.weight", "[C, 1, sh, sw]"),
        ],
        outputs: [.init("y", "[B, C, H', W']")],
        golden: ["deformable_kernel", "deformable_kernel_options"],
        benchmark: .kernel("deformable_kernel", "h=28 w=28 c=128 r=3 scope=4")
    ) { configuration in
        let channels = try configuration.depthwiseChannels()
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
}
