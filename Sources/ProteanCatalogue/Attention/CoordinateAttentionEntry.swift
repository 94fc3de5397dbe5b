import Protean

extension LayerEntry {
    static let coordinateAttention = LayerEntry(
        "CoordinateAttention", family: .attention,
        reference: "houqb/CoordAttention CoordAtt; timm CoordAttn and SimpleCoordAttn",
        summary: .dynamic("a gate per channel and row times one per channel and column"),
        papers: ["2103.02907"],
        keys: [],
        variants: [
            .init(
                name: "original",
                keys: [
                    .required("inp", "channels C", aliases: "channels", "inputChannels"),
                    .required("oup", "the same C"),
                    .optional(
                        "reduction", 32, "C over width M, which is at least 8",
                        aliases: "squeezeChannels"),
                ]),
            .init(name: "timm", keys: timmKeys(ratio: 1.0 / 16, bias: false, act: "hard_swish")),
            .init(name: "timm_simple", keys: timmKeys(ratio: 0.25, bias: true, act: "silu")),
        ],
        weights: [
            .init("conv1.weight, conv1.bias", "[M, C, 1, 1], [M]  (timm: no bias)"),
            .init("bn1.*", "[M]  (original, timm)"),
            .init("conv_h.weight, conv_h.bias", "[C, M, 1, 1], [C]  (timm: no bias)"),
            .init("conv_w.weight, conv_w.bias", "[C, M, 1, 1], [C]  (timm: no bias)"),
            .init("fc1.*, fc_h.*, fc_w.*", "[M, C], [C, M], [C, M]  (timm_simple)"),
        ],
        outputs: [.sameMap],
        golden: [
            "coordinate_attention", "coordinate_attention_empty", "coordinate_attention_timm",
            "coordinate_attention_timm_options", "coordinate_attention_timm_simple",
        ],
        benchmark: .generic("coordinate_attention", "h=56 w=56 c=96") { sizes in
            LayerSample(
                ["inp": sizes["c"], "oup": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        switch configuration.text("variant") {
        case "timm": BuiltLayer(try timm(configuration, .timm))
        case "timm_simple": BuiltLayer(try timm(configuration, .timmSimple))
        default: BuiltLayer(try original(configuration))
        }
    }

    private static func timmKeys(
        ratio: Double, bias: Bool, act: ModelConfiguration.Value
    ) -> [ConfigurationKey] {
        [
            .required("channels", "channels C", aliases: "inputChannels"),
            .optional("rd_ratio", .number(ratio), "width M over C, before se_factor"),
            .optional(
                "rd_channels", .null, "M; null leaves it to rd_ratio", aliases: "squeezeChannels"),
            .optional("rd_divisor", 8, "M is rounded to a multiple of this"),
            .optional("se_factor", .number(2.0 / 3), "multiplies rd_ratio"),
            .optional("bias", .bool(bias), "whether the layers have a bias"),
            .optional("act_layer", act, "activation after the first layer", aliases: "activation"),
            .optional("gate_layer", "sigmoid", "last step of the gates", aliases: "gate"),
            .optional("has_skip", false, "false; a Residual around the layer adds the input"),
        ]
    }

    private static func timm(
        _ configuration: LayerConfiguration, _ variant: CoordinateAttention.Variant
    ) throws -> CoordinateAttention {
        try configuration.require("has_skip", false)
        let channels = try configuration.int("channels")
        let ratio = try configuration.number("rd_ratio") * configuration.number("se_factor")
        let width = try configuration.width(Double(channels) * ratio, key: "rd_ratio")
        let divisor = try configuration.positive("rd_divisor")
        return try CoordinateAttention(
            channels: channels,
            squeezeChannels: configuration.optionalInt("rd_channels")
                ?? makeDivisible(width, by: divisor, roundLimit: 0),
            variant: variant, activation: configuration.activation("act_layer"),
            gate: configuration.activation("gate_layer"), bias: configuration.bool("bias"))
    }

    private static func original(
        _ configuration: LayerConfiguration
    ) throws -> CoordinateAttention {
        let channels = try configuration.int("inp")
        guard try configuration.int("oup") == channels else {
            throw configuration.refusal("oup", "as many as inp: the gates multiply the map")
        }
        let reduction = try configuration.positive("reduction")
        guard reduction <= OptionLimits.channels else {
            throw configuration.refusal("reduction", "at most \(OptionLimits.channels)")
        }
        return try CoordinateAttention(
            channels: channels, squeezeChannels: max(8, channels / reduction))
    }
}
