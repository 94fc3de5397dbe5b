import Protean

extension ConfigurationKey {
    /// Keys that DCNv3 and DCNv4 share.
    static let aggregation: [ConfigurationKey] = [
        .optional("channels", 64, "channels C", aliases: "inputChannels"),
        .optional("kernel_size", 3, "k"),
        .optional("dw_kernel_size", .null, "kernel size kd of the depthwise convolution"),
        .optional("stride", 1, "s, which must keep the map's size"),
        .optional("pad", 1, "p", aliases: "padding"),
        .optional("dilation", 1, "d"),
        .optional("group", 4, "groups G of channels", aliases: "groups"),
        .optional("offset_scale", 1, "factor of the whole grid"),
        .optional("center_feature_scale", false, "whether a gate blends in the pixel itself"),
        .optional("remove_center", false, "whether the point in the middle is left out"),
    ]
}

extension LayerEntry.TensorDescription {
    /// Weights of the gate that mixes in the pixel's own value.
    static let centerFeatureScale: [LayerEntry.TensorDescription] = [
        .init("center_feature_scale_proj_weight", "[G, C]", optional: true),
        .init("center_feature_scale_proj_bias", "[G]", optional: true),
    ]
}
