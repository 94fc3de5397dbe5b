import Protean

extension LayerEntry {
    static let esa = LayerEntry(
        "ESA", family: .attention,
        reference: "ESA of RLFN and RFDN",
        summary: .dynamic("a gate per element, from a wide view of few channels"),
        papers: ["2009.11551", "2205.07514"],
        keys: [],
        variants: [
            .init(
                name: "rlfn",
                keys: [
                    .required(
                        "esa_channels", "width F of the narrow part", aliases: "squeezeChannels"),
                    .required("n_feats", "channels C", aliases: "channels", "inputChannels"),
                ]),
            .init(
                name: "rfdn",
                keys: [
                    .required(
                        "n_feats", "channels C; F = C / 4", aliases: "channels", "inputChannels")
                ]),
        ],
        weights: [
            .init("conv1.weight, conv1.bias", "[F, C, 1, 1], [F]"),
            .init("conv_f.weight, conv_f.bias", "[F, F, 1, 1], [F]"),
            .init("conv_max.weight, conv_max.bias", "[F, F, 3, 3], [F]  (rfdn)"),
            .init("conv2.weight, conv2.bias", "[F, F, 3, 3], [F]"),
            .init("conv3.weight, conv3.bias", "[F, F, 3, 3], [F]"),
            .init("conv3_.weight, conv3_.bias", "[F, F, 3, 3], [F]  (rfdn)"),
            .init("conv4.weight, conv4.bias", "[C, F, 1, 1], [C]"),
        ],
        outputs: [.sameMap],
        golden: ["esa_rlfn", "esa_rlfn_smallest", "esa_rfdn"],
        benchmark: .generic("esa", "h=64 w=64 c=48 k=16") { sizes in
            LayerSample(
                ["esa_channels": sizes["k"], "n_feats": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let isRLFN = configuration.text("variant") == "rlfn"
        return BuiltLayer(
            try ESA(
                channels: configuration.int("n_feats"),
                squeezeChannels: isRLFN ? configuration.int("esa_channels") : nil,
                variant: isRLFN ? .rlfn : .rfdn))
    }
}
