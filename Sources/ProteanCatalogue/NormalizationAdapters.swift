import Protean

/// Normalisations, in inference mode.
enum NormalizationAdapters {
    static let all = [batchNorm2d]

    static let batchNorm2d = LayerAdapter(
        "BatchNorm2d", reference: "torch.nn.BatchNorm2d, in inference",
        keys: [
            .required("num_features", "channels C"),
            .optional("eps", .number(1e-5), "added to the variance"),
            .optional("momentum", .number(0.1), "a number or null; for training only"),
            .optional("affine", true, "whether there are weight and bias"),
            .optional("track_running_stats", true, "true: stored statistics are used"),
        ],
        weights: [
            .init("weight", "[C]", optional: true), .init("bias", "[C]", optional: true),
            .init("running_mean", "[C]"), .init("running_var", "[C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]")]
    ) { configuration in
        _ = try configuration.optionalNumber("momentum")
        try configuration.require("track_running_stats", true)
        return BuiltLayer(
            try BatchNorm2d(
                channels: configuration.int("num_features"), eps: configuration.number("eps"),
                affine: configuration.bool("affine")))
    }
}
