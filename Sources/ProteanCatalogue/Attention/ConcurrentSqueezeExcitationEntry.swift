import Protean

extension LayerEntry {
    static let concurrentSqueezeExcitation = LayerEntry(
        "ConcurrentSqueezeExcitation", family: .attention,
        reference: "segmentation_models.pytorch SCSEModule",
        summary: .dynamic("a gate per channel and one per pixel"),
        papers: ["1803.02579"],
        keys: [
            .required("in_channels", "channels C", aliases: "channels"),
            .optional("reduction", 16, "C over squeezed width S", aliases: "squeezeChannels"),
            .optional(
                "takes_larger", false, "the larger gate instead of the sum of both",
                aliases: "takesLarger"),
        ],
        weights: [
            .init("cSE.1.weight, cSE.1.bias", "[S, C, 1, 1], [S]"),
            .init("cSE.3.weight, cSE.3.bias", "[C, S, 1, 1], [C]"),
            .init("sSE.0.weight, sSE.0.bias", "[1, C, 1, 1], [1]"),
        ],
        outputs: [.sameMap],
        golden: ["scse", "scse_empty", "scse_larger"],
        benchmark: .generic("scse", "h=56 w=56 c=64") { sizes in
            LayerSample(
                ["in_channels": sizes["c"], "reduction": 1],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let channels = try configuration.int("in_channels")
        return BuiltLayer(
            try ConcurrentSqueezeExcitation(
                channels: channels,
                squeezeChannels: channels / configuration.positive("reduction"),
                takesLarger: configuration.bool("takes_larger")))
    }
}
