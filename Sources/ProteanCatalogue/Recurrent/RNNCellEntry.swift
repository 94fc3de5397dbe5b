import Protean

extension LayerEntry {
    static let rnnCell = LayerEntry(
        "RNNCell", family: .recurrent,
        reference: "torch.nn.RNNCell",
        summary: .dynamic("what a recurrent state keeps and takes in"),
        papers: [
            .init("Finding Structure in Time", at: "https://doi.org/10.1207/s15516709cog1402_1")
        ],
        keys: [
            .required("input_size", "features I of the input"),
            .required("hidden_size", "units H of the state"),
            .optional("bias", true, "whether there are biases"),
            .optional("nonlinearity", "tanh", "tanh or relu"),
        ],
        inputs: [
            .init("x", "[B, I]"), .init("h", "[B, H]; zeros without it", optional: true),
        ],
        weights: [
            .init("weight_ih", "[H, I]"), .init("weight_hh", "[H, H]"),
            .init("bias_ih", "[H]", optional: true), .init("bias_hh", "[H]", optional: true),
        ],
        outputs: [.init("y", "[B, H], the next h")],
        golden: ["rnn_cell", "rnn_cell_relu"],
        benchmark: .generic("rnn_cell", "n=1 c=256 k=256") { sizes in
            LayerSample(
                ["input_size": sizes["c"], "hidden_size": sizes["k"]],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        let layer = try RNNCell(
            inputSize: configuration.int("input_size"),
            hiddenSize: configuration.int("hidden_size"), bias: configuration.bool("bias"),
            nonlinearity: configuration.choice(
                "nonlinearity", of: RNNCell.Nonlinearity.self))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            var state = try layer.initialState(for: x.shape)
            if inputs.tensors["h"] != nil { state = try inputs.plain("h") }
            return [.plain("y", try layer(x, state: &state))]
        }
    }
}
