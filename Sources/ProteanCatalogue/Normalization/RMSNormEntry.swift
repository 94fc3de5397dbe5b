import Protean

extension LayerEntry {
    static let rmsNorm = LayerEntry(
        "RMSNorm", family: .normalization,
        reference: "torch.nn.RMSNorm over the last axis",
        summary: .fixed("rows divided by their root mean square"),
        papers: ["1910.07467"],
        keys: [
            .required("normalized_shape", "size C of the last axis, or [C]", aliases: "channels"),
            .optional("eps", .null, "added to the mean square; null: 2^-23"),
            .optional("elementwise_affine", true, "whether there is a weight", aliases: "affine"),
        ],
        inputs: [.init("x", "[..., C]")],
        weights: [.init("weight", "[C]", optional: true)],
        outputs: [.init("y", "[..., C]")],
        golden: ["rms_norm", "rms_norm_map", "rms_norm_options"],
        benchmark: .generic("rms_norm", "w=196 c=768") { sizes in
            LayerSample(
                ["normalized_shape": sizes["c"]],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("w"), try sizes.int("c")])])
        }
    ) { configuration in
        let layer = try RMSNorm(
            channels: configuration.single("normalized_shape"),
            eps: configuration.optionalNumber("eps"),
            affine: configuration.bool("elementwise_affine"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }
}
