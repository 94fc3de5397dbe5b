import Protean

extension LayerEntry {
    static let styleRecalibration = LayerEntry(
        "StyleRecalibration", family: .attention,
        reference: "hyunjaelee410 style-based-recalibration-module, EvgenyKashin SRMnet",
        summary: .dynamic("a gate per channel"),
        papers: ["1903.10829"],
        keys: [.required("channel", "channels C", aliases: "channels")],
        variants: [
            .init(name: "official", keys: []),
            .init(name: "grouped", keys: [.optional("reduction", .null, "null")]),
        ],
        weights: [
            .init("cfc", "[C, 2]  (official)", optional: true),
            .init("cfc.weight", "[C, 1, 2]  (grouped)", optional: true),
            .init("bn.*", "batch norm of C"),
        ],
        outputs: [.sameMap],
        golden: ["srm_empty", "srm_grouped", "srm_offset", "srm_official"],
        benchmark: .generic("srm", "h=56 w=56 c=64") { sizes in
            LayerSample(["channel": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let variant = try configuration.choice(
            "variant", of: StyleRecalibration.Variant.self)
        if variant == .grouped { try configuration.require("reduction", .null) }
        return BuiltLayer(
            try StyleRecalibration(channels: configuration.int("channel"), variant: variant))
    }
}
