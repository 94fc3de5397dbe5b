import Protean

extension LayerEntry {
    static let dcnv4 = LayerEntry(
        "DCNv4", family: .deformable,
        reference: "OpenGVLab DCNv4",
        summary: .dynamic("sampling points and their weights per group of channels"),
        papers: ["2401.06197"],
        keys: ConfigurationKey.aggregation + [
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
        ] + TensorDescription.centerFeatureScale,
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["dcnv4", "dcnv4_bare", "dcnv4_options"],
        benchmark: .generic("dcnv4", "h=56 w=56 c=64 groups=4") { sizes in
            LayerSample(
                ["channels": sizes["c"], "group": sizes["groups"]],
                inputs: ["x": .map(try sizes.map)])
        }
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
