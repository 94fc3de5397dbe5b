import Protean

extension LayerEntry {
    static let contrastAwareChannelAttention = LayerEntry(
        "ContrastAwareChannelAttention", family: .attention,
        reference: "Zheng222/IMDN CCALayer",
        summary: .dynamic("a gate per channel, from deviation and mean"),
        papers: ["1909.11856"],
        keys: [
            .required("channel", "channels C", aliases: "inputChannels", "channels"),
            .optional("reduction", 16, "C over squeezed width S"),
        ],
        weights: [
            .init("conv_du.0.weight, conv_du.0.bias", "[S, C, 1, 1], [S]"),
            .init("conv_du.2.weight, conv_du.2.bias", "[C, S, 1, 1], [C]"),
        ],
        outputs: [.sameMap],
        golden: ["contrast_attention", "contrast_attention_flat", "contrast_attention_pixel"],
        benchmark: .generic("contrast_attention", "h=56 w=56 c=64") { sizes in
            LayerSample(["channel": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try ContrastAwareChannelAttention(
                channels: configuration.int("channel"), reduction: configuration.int("reduction")))
    }
}
