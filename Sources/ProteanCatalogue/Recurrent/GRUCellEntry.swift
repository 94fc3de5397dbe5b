import Protean

extension LayerEntry {
    static let gruCell = LayerEntry(
        "GRUCell", family: .recurrent,
        reference: "torch.nn.GRUCell",
        summary: .dynamic("what a recurrent state keeps and takes in"),
        papers: ["1406.1078"],
        keys: [
            .required("input_size", "features I of the input"),
            .required("hidden_size", "units H of the state"),
            .optional("bias", true, "whether there are biases"),
        ],
        inputs: [
            .init("x", "[B, I]"), .init("h", "[B, H]; zeros without it", optional: true),
        ],
        weights: [
            .init("weight_ih", "[3 H, I]"), .init("weight_hh", "[3 H, H]"),
            .init("bias_ih", "[3 H]", optional: true), .init("bias_hh", "[3 H]", optional: true),
        ],
        outputs: [.init("y", "[B, H], the next h")],
        golden: ["gru_cell", "gru_cell_start"],
        benchmark: .generic("gru_cell", "n=1 c=256 k=256") { sizes in
            LayerSample(
                ["input_size": sizes["c"], "hidden_size": sizes["k"]],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        let layer = try GRUCell(
            inputSize: configuration.int("input_size"),
            hiddenSize: configuration.int("hidden_size"), bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            var state = try layer.initialState(for: x.shape)
            if inputs.tensors["h"] != nil { state = try inputs.plain("h") }
            return [.plain("y", try layer(x, state: &state))]
        }
    }
}
