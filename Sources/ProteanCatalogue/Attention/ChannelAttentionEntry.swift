import Protean

extension LayerEntry {
    static let channelAttention = LayerEntry(
        "ChannelAttention", family: .attention,
        reference: "SqueezeExcitation, StyleRecalibration, EfficientChannelAttention",
        summary: .dynamic("a gate per channel"),
        papers: ["1709.01507", "1903.10829", "1910.03151"],
        keys: [
            .required("channels", "channels C"),
            .optional("form", "mean", "\"mean\", \"mean_and_deviation\" or \"convolution\""),
            .optional("reduction", 16, "form mean: C over squeezed width S"),
        ],
        weights: [
            .init("fc1.*, fc2.*", "[S, C, 1, 1], [S]; [C, S, 1, 1], [C]  (mean)", optional: true),
            .init("cfc, bn.*", "[C, 2]; batch norm of C  (mean_and_deviation)", optional: true),
            .init("conv.weight", "[1, 1, k]  (convolution)", optional: true),
        ],
        outputs: [.sameMap],
        golden: [
            "channel_attention_convolution", "channel_attention_deviation",
            "channel_attention_mean",
        ],
        benchmark: .generic("channel_attention", "h=56 w=56 c=64") { sizes in
            LayerSample(["channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try ChannelAttention(
                channels: configuration.int("channels"),
                form: configuration.choice("form", of: ChannelAttention.Form.self),
                reduction: configuration.positive("reduction")))
    }
}
