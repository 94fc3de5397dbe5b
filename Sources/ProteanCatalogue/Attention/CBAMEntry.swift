import Protean

extension LayerEntry {
    static let cbam = LayerEntry(
        "CBAM", family: .attention,
        reference: "Jongchan/attention-module CBAM; timm CbamModule and LightCbamModule",
        summary: .dynamic("a gate per channel and one per pixel"),
        papers: ["1807.06521"],
        keys: [],
        variants: [
            .init(
                name: "original",
                keys: [
                    .required("gate_channels", "channels C", aliases: "channels", "inputChannels"),
                    .optional(
                        "reduction_ratio", 16, "C over squeezed width S",
                        aliases: "squeezeChannels"),
                    .optional(
                        "pool_types", ["avg", "max"], "one or both",
                        aliases: "usesMean, usesMaximum"),
                    .optional("no_spatial", false, "leaves out the gate per pixel"),
                ]),
            .init(name: "timm", keys: timmKeys),
            .init(name: "timm_light", keys: timmKeys),
        ],
        weights: [
            .init("ChannelGate.mlp.1.weight, .bias", "[S, C], [S]  (original)"),
            .init("ChannelGate.mlp.3.weight, .bias", "[C, S], [C]  (original)"),
            .init("SpatialGate.spatial.conv.weight", "[1, 2, 7, 7]  (original)"),
            .init("SpatialGate.spatial.bn.*", "[1]  (original)"),
            .init("channel.fc1.weight, channel.fc2.weight", "[S, C, 1, 1], [C, S, 1, 1]  (timm)"),
            .init("spatial.conv.conv.weight", "[1, 2, k, k], or [1, 1, k, k]  (timm, timm_light)"),
            .init("spatial.conv.bn.*", "[1]  (timm)"),
        ],
        outputs: [.sameMap],
        golden: [
            "cbam", "cbam_channel_only", "cbam_pool", "cbam_timm", "cbam_timm_options",
            "cbam_timm_light",
        ],
        benchmark: .generic("cbam", "h=56 w=56 c=96") { sizes in
            LayerSample(
                ["variant": "timm", "channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        switch configuration.text("variant") {
        case "timm": BuiltLayer(try timm(configuration, .timm))
        case "timm_light": BuiltLayer(try timm(configuration, .timmLight))
        default: BuiltLayer(try original(configuration))
        }
    }

    private static let timmKeys: [ConfigurationKey] = [
        .required("channels", "channels C", aliases: "inputChannels"),
        .optional("rd_ratio", .number(1.0 / 16), "squeezed width S over C"),
        .optional(
            "rd_channels", .null, "S; null leaves it to rd_ratio", aliases: "squeezeChannels"),
        .optional("rd_divisor", 1, "S is rounded to a multiple of this"),
        .optional("spatial_kernel_size", 7, "odd k of the gate per pixel", aliases: "kernelSize"),
        .optional("act_layer", "relu", "activation after fc1", aliases: "activation"),
        .optional("gate_layer", "sigmoid", "last step of both gates", aliases: "gate"),
        .optional("mlp_bias", false, "whether fc1 and fc2 have a bias", aliases: "bias"),
    ]

    private static func timm(
        _ configuration: LayerConfiguration, _ variant: CBAM.Variant
    ) throws -> CBAM {
        let channels = try configuration.int("channels")
        let ratio = try configuration.number("rd_ratio")
        let width = try configuration.width(Double(channels) * ratio, key: "rd_ratio")
        let divisor = try configuration.positive("rd_divisor")
        return try CBAM(
            channels: channels,
            squeezeChannels: configuration.optionalInt("rd_channels")
                ?? makeDivisible(width, by: divisor, roundLimit: 0),
            variant: variant,
            options: CBAM.Options(
                activation: configuration.activation("act_layer"),
                gate: configuration.activation("gate_layer"), bias: configuration.bool("mlp_bias"),
                kernelSize: configuration.int("spatial_kernel_size")))
    }

    private static func original(_ configuration: LayerConfiguration) throws -> CBAM {
        let channels = try configuration.int("gate_channels")
        let pools = try configuration.list("pool_types")
        let known = pools.allSatisfy { $0 == "avg" || $0 == "max" }
        guard known, pools.count == 1 || (pools.count == 2 && pools[0] != pools[1]) else {
            throw configuration.refusal("pool_types", "\"avg\" and \"max\", each at most once")
        }
        return try CBAM(
            channels: channels,
            squeezeChannels: channels / configuration.positive("reduction_ratio"),
            options: CBAM.Options(
                usesMean: pools.contains("avg"), usesMaximum: pools.contains("max"),
                isSpatial: !configuration.bool("no_spatial")))
    }
}
