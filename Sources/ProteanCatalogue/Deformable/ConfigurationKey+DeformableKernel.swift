import Protean

extension ConfigurationKey {
    /// Keys of all layers with sampled kernels, with the help texts for the channels.
    static func deformableKernel(_ inputs: String, _ outputs: String) -> [ConfigurationKey] {
        [
            .required("weight_shape", "[sh, sw] of the scope", aliases: "scope"),
            .required("in_planes", inputs, aliases: "inputChannels", "channels"),
            .required("out_planes", outputs, aliases: "outputChannels"),
            .optional("kernel_size", 1, "k"),
            .optional("stride", 1, "s"),
            .optional("padding", 0, "p"),
            .optional("dilation", 1, "d"),
        ]
    }

    /// Keys of the depthwise layers among them.
    static let depthwiseDeformableKernel =
        deformableKernel("channels C", "the same")
        + [.required("groups", "the same: depthwise only")]
}

extension LayerConfiguration {
    /// The channels of a depthwise layer with a sampled kernel.
    func depthwiseChannels() throws -> Int {
        let channels = try int("in_planes")
        for key in ["out_planes", "groups"] where try int(key) != channels {
            throw refusal(key, "\(channels), as in_planes")
        }
        return channels
    }
}
