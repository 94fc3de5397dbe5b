import Protean

extension LayerEntry {
    static let gru = LayerEntry(
        "GRU", family: .recurrent,
        reference: "torch.nn.GRU",
        summary: .dynamic("what a recurrent state keeps and takes in, step by step"),
        papers: ["1406.1078"],
        keys: [
            .required("input_size", "features I of the input"),
            .required("hidden_size", "units H of the state"),
            .optional("num_layers", 1, "layers L"),
            .optional("bias", true, "whether there are biases"),
            .optional("batch_first", false, "whether x is [B, T, I], else [T, B, I]"),
            .optional("dropout", 0, "0; for training only"),
            .optional("bidirectional", false, "whether there are D = 2 directions"),
        ],
        inputs: [
            .init("x", "[B, T, I] or [T, B, I]"),
            .init("h", "[L D, B, H]; zeros without it", optional: true),
            .init("lengths", "[B], steps of each row; T without it", optional: true),
        ],
        weights: [
            .init("weight_ih_l0", "[3 H, I]; _reverse and further layers likewise"),
            .init("weight_hh_l0", "[3 H, H]"),
            .init("bias_ih_l0", "[3 H]", optional: true),
            .init("bias_hh_l0", "[3 H]", optional: true),
        ],
        outputs: [
            .init("y", "as x, with D times the features of h"), .init("h", "[L D, B, H]"),
        ],
        golden: ["gru", "gru_stack", "gru_time_major"],
        benchmark: .generic("gru", "w=32 c=128 k=128") { sizes in
            LayerSample(
                [
                    "input_size": sizes["c"], "hidden_size": sizes["k"], "batch_first": true,
                ],
                inputs: [
                    "x": .plain([try sizes.batch, try sizes.int("w"), try sizes.int("c")])
                ])
        }
    ) { configuration in
        try configuration.require("dropout", 0)
        let layer = try GRU(
            inputSize: configuration.int("input_size"),
            hiddenSize: configuration.int("hidden_size"),
            layers: configuration.int("num_layers"), bias: configuration.bool("bias"),
            batchFirst: configuration.bool("batch_first"),
            bidirectional: configuration.bool("bidirectional"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            let lengths = try inputs.lengths()
            let initial = inputs.tensors["h"] == nil ? nil : try inputs.plain("h")
            let result = try layer.run(x, lengths: lengths, initial: initial)
            return [.plain("y", result.output), .plain("h", result.hidden)]
        }
    }
}
