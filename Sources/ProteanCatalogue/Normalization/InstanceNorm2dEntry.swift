import Protean

extension LayerEntry {
    static let instanceNorm2d = LayerEntry(
        "InstanceNorm2d", family: .normalization,
        reference: "torch.nn.InstanceNorm2d, in inference",
        summary: .fixed("normalised by each sample's own statistics, exact for large means"),
        papers: ["1607.08022"],
        keys: [
            .required("num_features", "channels C", aliases: "channels"),
            .optional("eps", .number(1e-5), "added to the variance"),
            .optional("momentum", .number(0.1), "a number or null; for training only"),
            .optional("affine", false, "whether there are weight and bias"),
            .optional(
                "track_running_stats", false, "whether stored statistics are used",
                aliases: "tracksRunningStatistics"),
        ],
        weights: [
            .init("weight", "[C]", optional: true), .init("bias", "[C]", optional: true),
            .init("running_mean", "[C]", optional: true),
            .init("running_var", "[C]", optional: true),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: [
            "instance_norm2d", "instance_norm2d_options", "instance_norm2d_stored",
            "instance_norm2d_stored_plain",
        ],
        benchmark: .generic("instance_norm2d", "h=56 w=56 c=64") { sizes in
            LayerSample(["num_features": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        _ = try configuration.optionalNumber("momentum")
        return BuiltLayer(
            try InstanceNorm2d(
                channels: configuration.int("num_features"), eps: configuration.number("eps"),
                affine: configuration.bool("affine"),
                tracksRunningStatistics: configuration.bool("track_running_stats")))
    }
}
