import Protean

extension LayerEntry {
    static let adaptiveInferenceGate = LayerEntry(
        "AdaptiveInferenceGate", family: .depth,
        reference: "the gate of andreasveit/convnet-aig's blocks, without noise",
        summary: .dynamic("whether its block runs"),
        papers: ["1711.11503"],
        keys: [
            .required("channels", "channels C"),
            .optional("hidden", 16, "hidden channels K"),
        ],
        weights: [
            .init("fc1.weight, .bias", "[K, C, 1, 1], [K]"), .init("fc1bn.*", "[K]"),
            .init("fc2.weight, .bias", "[2, K, 1, 1], [2]"),
        ],
        outputs: [.init("y", "[B, 2]: probabilities of passing and of running")],
        golden: ["adaptive_inference_gate"],
        benchmark: .generic("adaptive_inference_gate", "h=32 w=32 c=16") { sizes in
            LayerSample(["channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try AdaptiveInferenceGate(
            channels: configuration.int("channels"), hidden: configuration.int("hidden"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(try inputs.map("x")))] }
    }
}
