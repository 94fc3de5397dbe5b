import Protean

extension LayerEntry {
    static let globalContext = LayerEntry(
        "GlobalContext", family: .attention,
        reference: "mmcv ContextBlock, timm GlobalContext",
        summary: .dynamic("a scale and a shift per channel"),
        papers: ["1904.11492"],
        keys: [],
        variants: [
            .init(
                name: "mmcv",
                keys: [
                    .required("in_channels", "channels C", aliases: "channels"),
                    .required("ratio", "hidden width S over C", aliases: "hiddenChannels"),
                    .optional("pooling_type", "att", "\"att\" (weighted) or \"avg\""),
                    .optional(
                        "fusion_types", ["channel_add"],
                        "\"channel_add\", \"channel_mul\" or both", aliases: "fusions"),
                ]),
            .init(
                name: "timm",
                keys: [
                    .required("channels", "channels C"),
                    .optional("use_attn", true, "whether the mean is weighted"),
                    .optional("fuse_add", false, "whether the context is added"),
                    .optional(
                        "fuse_scale", true, "whether the context scales", aliases: "fusions"),
                    .optional("init_last_zero", false, "has no effect, as in the reference"),
                    .optional("rd_ratio", .number(0.125), "hidden width S over C"),
                    .optional(
                        "rd_channels", .null, "S; null leaves it to rd_ratio",
                        aliases: "hiddenChannels"),
                    .optional("rd_divisor", 1, "S is rounded to a multiple of this"),
                    .optional("act_layer", "relu", "activation between the two layers"),
                    .optional("gate_layer", "sigmoid", "activation of the scale"),
                ]),
        ],
        weights: [
            .init("conv_mask.weight, .bias", "[1, C, 1, 1], [1]  (mmcv, att)", optional: true),
            .init(
                "channel_add_conv.*, channel_mul_conv.*",
                "0: [S, C, 1, 1], [S]; 1: [S, 1, 1], [S, 1, 1]; 3: [C, S, 1, 1], [C]  (mmcv)",
                optional: true),
            .init("conv_attn.*", "[1, C, 1, 1], [1]  (timm, use_attn)", optional: true),
            .init(
                "mlp_add.*, mlp_scale.*",
                "fc1: [S, C, 1, 1], [S]; norm: [S], [S]; fc2: [C, S, 1, 1], [C]  (timm)",
                optional: true),
        ],
        outputs: [.sameMap],
        golden: [
            "gc_mmcv", "gc_mmcv_both", "gc_mmcv_mean", "gc_timm", "gc_timm_empty",
            "gc_timm_options",
        ],
        benchmark: .generic("global_context", "h=56 w=56 c=64") { sizes in
            LayerSample(
                ["variant": "timm", "channels": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.text("variant") == "mmcv"
            ? BuiltLayer(mmcv(configuration)) : BuiltLayer(timm(configuration))
    }

    private static func mmcv(_ configuration: LayerConfiguration) throws -> GlobalContext {
        let channels = try configuration.int("in_channels")
        let width = try configuration.width(
            Double(channels) * configuration.number("ratio"), key: "ratio")
        let pooling = try configuration.choice("pooling_type", ["att", "avg"])
        var fusions: Set<GlobalContext.Fusion> = []
        for name in try configuration.list("fusion_types") {
            switch name {
            case "channel_add": fusions.insert(.add)
            case "channel_mul": fusions.insert(.scale)
            default: throw configuration.refusal("fusion_types", "channel_add and channel_mul")
            }
        }
        return try GlobalContext(
            channels: channels, hiddenChannels: Int(width), variant: .mmcv,
            fusions: fusions, hasAttention: pooling == "att")
    }

    private static func timm(_ configuration: LayerConfiguration) throws -> GlobalContext {
        let channels = try configuration.int("channels")
        let width = try configuration.width(
            Double(channels) * configuration.number("rd_ratio"), key: "rd_ratio")
        let divisor = try configuration.positive("rd_divisor")
        _ = try configuration.bool("init_last_zero")
        var fusions: Set<GlobalContext.Fusion> = []
        if try configuration.bool("fuse_add") { fusions.insert(.add) }
        if try configuration.bool("fuse_scale") { fusions.insert(.scale) }
        return try GlobalContext(
            channels: channels,
            hiddenChannels: configuration.optionalInt("rd_channels")
                ?? makeDivisible(width, by: divisor, roundLimit: 0),
            variant: .timm, fusions: fusions, hasAttention: configuration.bool("use_attn"),
            activation: configuration.activation("act_layer"),
            gate: configuration.activation("gate_layer"))
    }
}
