import Protean

extension LayerEntry {
    static let feedForwardGate = LayerEntry(
        "FeedForwardGate", family: .depth,
        reference: "FeedforwardGateI and FeedforwardGateII of ucbdrive/skipnet, in inference",
        summary: .dynamic("whether the next block runs"),
        papers: ["1711.09485"],
        keys: [
            .required("channel", "channels C", aliases: "channels"),
            .optional("form", "I", "\"I\" (max pool, two convolutions) or \"II\" (one)"),
        ],
        weights: [
            .init("conv1.weight, bn1.*", "[C, C, 3, 3], [C]"),
            .init("conv2.weight, bn2.*", "[C, C, 3, 3], [C]: form I", optional: true),
            .init("linear_layer.weight, .bias", "[2, C, 1, 1], [2]"),
        ],
        outputs: [.init("y", "[B, 2]: probabilities of passing and of running")],
        golden: ["feed_forward_gate", "feed_forward_gate_single"],
        benchmark: .generic("feed_forward_gate", "h=32 w=32 c=16") { sizes in
            LayerSample(["channel": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try FeedForwardGate(
            channels: configuration.int("channel"),
            form: configuration.choice("form", of: FeedForwardGate.Form.self))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(try inputs.map("x")))] }
    }
}
