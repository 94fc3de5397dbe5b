import Protean

extension LayerEntry {
    static let lstm = LayerEntry(
        "LSTM", family: .recurrent,
        reference: "torch.nn.LSTM",
        summary: .dynamic("what a recurrent state keeps and takes in, step by step"),
        papers: [
            .init(
                "Long Short-Term Memory", at: "https://doi.org/10.1162/neco.1997.9.8.1735"),
            "1402.1128",
        ],
        keys: [
            .required("input_size", "features I of the input"),
            .required("hidden_size", "units H of the state"),
            .optional("num_layers", 1, "layers L"),
            .optional("bias", true, "whether there are biases"),
            .optional("batch_first", false, "whether x is [B, T, I], else [T, B, I]"),
            .optional("dropout", 0, "0; for training only"),
            .optional("bidirectional", false, "whether there are D = 2 directions"),
            .optional("proj_size", 0, "features P of h, below H; 0 for H"),
        ],
        inputs: [
            .init("x", "[B, T, I] or [T, B, I]"),
            .init("h", "[L D, B, P or H]; zeros without it", optional: true),
            .init("c", "[L D, B, H]; zeros without it", optional: true),
            .init("lengths", "[B], steps of each row; T without it", optional: true),
        ],
        weights: [
            .init("weight_ih_l0", "[4 H, I]; _reverse and further layers likewise"),
            .init("weight_hh_l0", "[4 H, P or H]"),
            .init("bias_ih_l0", "[4 H]", optional: true),
            .init("bias_hh_l0", "[4 H]", optional: true),
            .init("weight_hr_l0", "[P, H], with a projection", optional: true),
        ],
        outputs: [
            .init("y", "as x, with D times the features of h"), .init("h", "[L D, B, P or H]"),
            .init("c", "[L D, B, H]"),
        ],
        golden: ["lstm", "lstm_projection", "lstm_stack"],
        benchmark: .generic("lstm", "w=32 c=128 k=128") { sizes in
            LayerSample(
                [
                    "input_size": sizes["c"], "hidden_size": sizes["k"], "batch_first": true,
                ],
                inputs: [
                    "x": .plain([try sizes.batch, try sizes.int("w"), try sizes.int("c")])
                ])
        },
        parts: [
            "ACTCell", "ARNet", "AdaFrame", "FollowingText", "GivenActions",
            "HMLSTMCells", "HMLSTMNetwork", "JumpPolicy", "KeyFrameSampler", "LeapPolicy",
            "LiteEval", "ReadEverything", "SequenceRunner", "SkimLSTM", "SkipGRU", "SkipLSTM",
            "SkipUpdatePolicy", "StopReading", "StructuralJumpPolicy",
        ]
    ) { configuration in
        try configuration.require("dropout", 0)
        let layer = try LSTM(
            inputSize: configuration.int("input_size"),
            hiddenSize: configuration.int("hidden_size"),
            layers: configuration.int("num_layers"), bias: configuration.bool("bias"),
            batchFirst: configuration.bool("batch_first"),
            bidirectional: configuration.bool("bidirectional"),
            projectionSize: configuration.int("proj_size"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.plain("x")
            let lengths = try inputs.lengths()
            var initial: (hidden: Tensor, cell: Tensor)?
            if inputs.tensors["h"] != nil || inputs.tensors["c"] != nil {
                initial = (try inputs.plain("h"), try inputs.plain("c"))
            }
            let result = try layer.run(x, lengths: lengths, initial: initial)
            return [
                .plain("y", result.output), .plain("h", result.hidden), .plain("c", result.cell),
            ]
        }
    }
}

extension LayerInputs {
    /// The steps of each row, if they are given.
    func lengths() throws -> [Int]? {
        guard tensors["lengths"] != nil else { return nil }
        return try plain("lengths").elements.map { value in
            guard let length = Int(exactly: value) else {
                throw ProteanError.invalidOption(
                    layer: "inputs", option: "lengths", expected: "whole numbers",
                    found: "\(value)")
            }
            return length
        }
    }
}
