import Protean

extension LayerEntry {
    static let pixelAttention = LayerEntry(
        "PixelAttention", family: .attention,
        reference: "zhaohengyuan1/PAN PA",
        summary: .dynamic("a gate per element, from a 1 × 1 convolution"),
        papers: ["2010.01073"],
        keys: [.required("nf", "channels C", aliases: "channels", "inputChannels")],
        weights: [.init("conv.weight, conv.bias", "[C, C, 1, 1], [C]")],
        outputs: [.sameMap],
        golden: ["pixel_attention", "pixel_attention_empty"],
        benchmark: .generic("pixel_attention", "h=64 w=64 c=40") { sizes in
            LayerSample(["nf": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(try PixelAttention(channels: configuration.int("nf")))
    }
}
