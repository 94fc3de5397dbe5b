import Protean

extension LayerEntry {
    static let tripletAttention = LayerEntry(
        "TripletAttention", family: .attention,
        reference: "landskape-ai/triplet-attention",
        summary: .dynamic("the mean of gates along each pair of axes"),
        papers: ["2010.03045"],
        keys: [.optional("no_spatial", false, "leaves out the gate per pixel")],
        variants: [
            .init(name: "current", keys: []),
            .init(name: "original", keys: []),
        ],
        weights: [
            .init("cw.conv.conv.weight, cw.conv.bn.*", "[1, 2, 7, 7], [1]"),
            .init("hc.conv.conv.weight, hc.conv.bn.*", "[1, 2, 7, 7], [1]"),
            .init("hw.conv.conv.weight, hw.conv.bn.*", "[1, 2, 7, 7], [1]"),
            .init("ChannelGateH.spatial.*, ChannelGateW.spatial.*", "the first two  (original)"),
            .init("SpatialGate.spatial.*", "the third  (original)"),
        ],
        outputs: [.sameMap],
        golden: ["triplet_attention", "triplet_attention_original", "triplet_attention_two"],
        benchmark: .generic("triplet_attention", "h=56 w=56 c=96") { sizes in
            LayerSample([:], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try TripletAttention(
                variant: configuration.text("variant") == "original" ? .original : .current,
                isSpatial: !configuration.bool("no_spatial")))
    }
}
