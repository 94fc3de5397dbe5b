import Protean

extension LayerEntry {
    static let carafeUpsample = LayerEntry(
        "CARAFEUpsample", family: .dynamic,
        reference: "mmcv CARAFEPack",
        summary: .dynamic("an upsampling kernel per output pixel"),
        papers: ["1905.02188"],
        keys: [
            .required("channels", "channels C"),
            .required("scale_factor", "factor S of height and width", aliases: "factor"),
            .optional("up_kernel", 5, "odd k of the kernels", aliases: "kernelSize"),
            .optional("up_group", 1, "groups G of channels", aliases: "groups"),
            .optional(
                "encoder_kernel", 3, "odd ke of the encoder", aliases: "encoderKernelSize"),
            .optional("encoder_dilation", 1, "the encoder's dilation"),
            .optional("compressed_channels", 64, "channels M between the convolutions"),
        ],
        weights: [
            .init("channel_compressor.weight", "[M, C, 1, 1]"),
            .init("channel_compressor.bias", "[M]"),
            .init("content_encoder.weight", "[k * k * G * S * S, M, ke, ke]"),
            .init("content_encoder.bias", "[k * k * G * S * S]"),
        ],
        outputs: [.init("y", "[B, C, S * H, S * W]")],
        golden: ["carafe_upsample", "carafe_upsample_options", "carafe_upsample_threefold"],
        benchmark: .generic("carafe_upsample", "h=28 w=28 c=64 r=5 up=2", optional: ["groups"]) {
            sizes in
            LayerSample(
                [
                    "channels": sizes["c"], "scale_factor": sizes["up"], "up_kernel": sizes["r"],
                    "up_group": sizes["groups", default: 1],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try CARAFEUpsample(
                channels: configuration.int("channels"), factor: configuration.int("scale_factor"),
                kernelSize: configuration.int("up_kernel"), groups: configuration.int("up_group"),
                encoderKernelSize: configuration.int("encoder_kernel"),
                encoderDilation: configuration.int("encoder_dilation"),
                compressedChannels: configuration.int("compressed_channels")))
    }
}
