import Protean

extension LayerEntry {
    static let lstmCell = LayerEntry(
        "LSTMCell", family: .dynamic,
        reference: "torch.nn.LSTMCell",
        summary: .dynamic("what a recurrent state keeps, takes in and gives out"),
        papers: [
            .init(
                "Long Short-Term Memory", at: "https://doi.org/10.1162/neco.1997.9.8.1735")
        ],
        keys: [
            .required("input_size", "features I of the input"),
            .required("hidden_size", "units H of the state"),
            .optional("bias", true, "whether there are biases"),
        ],
        inputs: [
            .init("x", "[B, I]"), .init("h", "[B, H]; zeros without it", optional: true),
            .init("c", "[B, H]; zeros without it", optional: true),
        ],
        weights: [
            .init("weight_ih", "[4 H, I]"), .init("weight_hh", "[4 H, H]"),
            .init("bias_ih", "[4 H]", optional: true), .init("bias_hh", "[4 H]", optional: true),
        ],
        outputs: [.init("y", "[B, H], the next h"), .init("c", "[B, H]")],
        golden: ["lstm_cell", "lstm_cell_start"],
        benchmark: .generic("lstm_cell", "n=1 c=256 k=256") { sizes in
            LayerSample(
                ["input_size": sizes["c"], "hidden_size": sizes["k"]],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        let layer = try LSTMCell(
            inputSize: configuration.int("input_size"),
            hiddenSize: configuration.int("hidden_size"), bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            var state = try layer.initialState(for: x.shape)
            if inputs.tensors["h"] != nil { state.hidden = try inputs.plain("h") }
            if inputs.tensors["c"] != nil { state.cell = try inputs.plain("c") }
            let y = try layer(x, state: &state)
            return [.plain("y", y), .plain("c", state.cell)]
        }
    }
}
