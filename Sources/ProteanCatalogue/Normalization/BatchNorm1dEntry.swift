import Protean

extension LayerEntry {
    static let batchNorm1d = LayerEntry(
        "BatchNorm1d", family: .normalization,
        reference: "torch.nn.BatchNorm1d, in inference",
        summary: .fixed("inference on stored statistics, of vectors and sequences"),
        papers: ["1502.03167"],
        keys: [
            .required("num_features", "channels C", aliases: "channels"),
            .optional("eps", .number(1e-5), "added to the variance"),
            .optional("momentum", .number(0.1), "a number or null; for training only"),
            .optional("affine", true, "whether there are weight and bias"),
            .optional("track_running_stats", true, "true: stored statistics are used"),
        ],
        inputs: [.init("x", "[B, C] or [B, C, L]")],
        weights: [
            .init("weight", "[C]", optional: true), .init("bias", "[C]", optional: true),
            .init("running_mean", "[C]"), .init("running_var", "[C]"),
        ],
        outputs: [.init("y", "[B, C] or [B, C, L]")],
        golden: ["batch_norm1d", "batch_norm1d_plain", "batch_norm1d_sequence"],
        benchmark: .generic("batch_norm1d", "w=1024 c=64") { sizes in
            LayerSample(
                ["num_features": sizes["c"]],
                inputs: ["x": .map([try sizes.batch, try sizes.int("w"), try sizes.int("c")])])
        }
    ) { configuration in
        _ = try configuration.optionalNumber("momentum")
        try configuration.require("track_running_stats", true)
        let layer = try BatchNorm1d(
            channels: configuration.int("num_features"), eps: configuration.number("eps"),
            affine: configuration.bool("affine"))
        return BuiltLayer(layer) { inputs in
            let y = try layer(inputs.channelsLast("x"))
            return [y.rank >= 3 ? .map("y", y) : .plain("y", y)]
        }
    }
}
