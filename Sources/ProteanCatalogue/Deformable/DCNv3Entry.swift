import Protean

extension LayerEntry {
    static let dcnv3 = LayerEntry(
        "DCNv3", family: .deformable,
        reference: "OpenGVLab InternImage DCNv3",
        summary: .dynamic("sampling points and their weights per group of channels"),
        papers: ["2211.05778"],
        keys: ConfigurationKey.aggregation + [
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
        ] + TensorDescription.centerFeatureScale,
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["dcnv3", "dcnv3_options"],
        benchmark: .generic("dcnv3", "h=56 w=56 c=64 groups=4") { sizes in
            LayerSample(
                ["channels": sizes["c"], "group": sizes["groups"]],
                inputs: ["x": .map(try sizes.map)])
        }
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
}
