import Protean

extension LayerEntry {
    static let batchNorm2d = LayerEntry(
        "BatchNorm2d", family: .normalization,
        reference: "torch.nn.BatchNorm2d, in inference",
        summary: .fixed("inference on stored statistics, free behind a convolution"),
        papers: ["1502.03167"],
        keys: [
            .required("num_features", "channels C", aliases: "channels"),
            .optional("eps", .number(1e-5), "added to the variance", aliases: "epsilon"),
            .optional("momentum", .number(0.1), "a number or null; for training only"),
            .optional("affine", true, "whether there are weight and bias"),
            .optional("track_running_stats", true, "true: stored statistics are used"),
        ],
        weights: [
            .init("weight", "[C]", optional: true), .init("bias", "[C]", optional: true),
            .init("running_mean", "[C]"), .init("running_var", "[C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["batch_norm", "batch_norm_plain"],
        benchmark: .kernel("batch_norm2d", "h=56 w=56 c=64")
    ) { configuration in
        _ = try configuration.optionalNumber("momentum")
        try configuration.require("track_running_stats", true)
        return BuiltLayer(
            try BatchNorm2d(
                channels: configuration.int("num_features"), eps: configuration.number("eps"),
                affine: configuration.bool("affine")))
    }
}
