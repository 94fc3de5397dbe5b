import Protean

extension LayerEntry {
    static let embedding = LayerEntry(
        "Embedding", family: .shape,
        reference: "torch.nn.Embedding",
        summary: .fixed("rows of a table, chosen by indices"),
        keys: [
            .required("num_embeddings", "rows N of the table", aliases: "count"),
            .required("embedding_dim", "length E of a row", aliases: "channels"),
            .optional(
                "padding_idx", .null, "the row that training leaves alone",
                aliases: "paddingIndex"),
            .optional("max_norm", .null, "null"),
            .optional("norm_type", 2, "2; of max_norm"),
            .optional("scale_grad_by_freq", false, "for training only"),
            .optional("sparse", false, "for training only"),
        ],
        inputs: [.init("x", "[...], whole numbers in 0 ..< N as F32; any layout")],
        weights: [.init("weight", "[N, E]")],
        outputs: [.init("y", "[..., E]; any layout")],
        golden: ["embedding", "embedding_padding"],
        benchmark: .generic("embedding", "w=512 k=1000 c=256") { sizes in
            let count = try sizes.int("k")
            return LayerSample(
                ["num_embeddings": sizes["k"], "embedding_dim": sizes["c"]],
                inputs: ["x": .indices([try sizes.batch, try sizes.int("w")], below: count)])
        }
    ) { configuration in
        try configuration.require("max_norm", .null)
        try configuration.require("norm_type", 2)
        _ = try (configuration.bool("scale_grad_by_freq"), configuration.bool("sparse"))
        let layer = try Embedding(
            count: configuration.int("num_embeddings"),
            channels: configuration.int("embedding_dim"),
            paddingIndex: configuration.optionalInt("padding_idx"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }
}
