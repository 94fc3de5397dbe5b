import Protean

extension LayerEntry {
    static let hyperLSTM = LayerEntry(
        "HyperLSTM", family: .dynamic,
        reference: "hardmaru/supercell HyperLSTMCell",
        summary: .dynamic("the scale of every unit of an LSTM cell's gates"),
        papers: ["1609.09106"],
        keys: [
            .required("input_size", "features I of the input"),
            .required("num_units", "units N of the main cell", aliases: "units"),
            .optional("forget_bias", 1, "added to the main cell's forget gate"),
            .optional("use_recurrent_dropout", false, "false: for training only"),
            .optional(
                "use_layer_norm", true, "whether gates and states are normalised",
                aliases: "usesLayerNorm"),
            .optional("hyper_num_units", 128, "units M of the small cell", aliases: "hyperUnits"),
            .optional(
                "hyper_embedding_size", 16, "numbers E of each gate's signal",
                aliases: "embeddingSize"),
        ],
        inputs: [
            .init("x", "[B, I]"),
            .init("state_c", "[B, N + M], main units first; zeros without it", optional: true),
            .init("state_h", "[B, N + M]; zeros without it", optional: true),
        ],
        weights: [
            .init("W_xh", "[I, 4 N]"), .init("W_hh", "[N, 4 N]"), .init("bias", "[4 N]"),
            .init("LSTMCell.W_xh", "[I + N, 4 M]"), .init("LSTMCell.W_hh_i", "[M, 4 M]"),
            .init("LSTMCell.bias", "[4 M]"),
            .init("LSTMCell.ln, LSTMCell.ln_c", ".ln_gamma, .ln_beta", optional: true),
            .init("hyper_{ix,jx,fx,ox,ih,jh,fh,oh}.zw", ".super_linear_w [M, E], _b [E]"),
            .init("hyper_{ix,jx,fx,ox,ih,jh,fh,oh}.alpha", ".super_linear_w [E, N]"),
            .init("hyper_{ib,jb,fb,ob}.zb", ".super_linear_w [M, E]"),
            .init("hyper_{ib,jb,fb,ob}.beta", ".super_linear_w [E, N]"),
            .init("ln_all, ln_c", ".ln_gamma, .ln_beta", optional: true),
        ],
        outputs: [
            .init("y", "[B, N], the next h"), .init("state_c", "[B, N + M]"),
            .init("state_h", "[B, N + M]"),
        ],
        golden: ["hyper_lstm", "hyper_lstm_plain"],
        benchmark: .generic("hyper_lstm", "n=1 c=128 k=256") { sizes in
            LayerSample(
                ["input_size": sizes["c"], "num_units": sizes["k"]],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        try configuration.require("use_recurrent_dropout", false)
        let units = try configuration.int("num_units")
        let layer = try HyperLSTM(
            inputSize: configuration.int("input_size"), units: units,
            hyperUnits: configuration.int("hyper_num_units"),
            embeddingSize: configuration.int("hyper_embedding_size"),
            forgetBias: Float(configuration.number("forget_bias")),
            usesLayerNorm: configuration.bool("use_layer_norm"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            var state = try layer.initialState(for: x.shape)
            func parts(_ name: String) throws -> [Tensor]? {
                guard inputs.tensors[name] != nil else { return nil }
                let whole = try inputs.plain(name)
                let expected = [x.shape[0], units + layer.hyperUnits]
                guard whole.shape == expected else {
                    throw ProteanError.shapeMismatch(
                        layer: "HyperLSTM", tensor: name, expected: "\(expected)",
                        found: whole.shape)
                }
                return try whole.split(sizes: [units, layer.hyperUnits], axis: 1)
            }
            if let c = try parts("state_c") { (state.main.cell, state.hyper.cell) = (c[0], c[1]) }
            if let h = try parts("state_h") {
                (state.main.hidden, state.hyper.hidden) = (h[0], h[1])
            }
            let y = try layer(x, state: &state)
            let c = try Operations.concatenate([state.main.cell, state.hyper.cell], axis: 1)
            let h = try Operations.concatenate([state.main.hidden, state.hyper.hidden], axis: 1)
            return [.plain("y", y), .plain("state_c", c), .plain("state_h", h)]
        }
    }
}
