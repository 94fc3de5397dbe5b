import Protean

extension LayerEntry {
    static let efficientChannelAttention = LayerEntry(
        "EfficientChannelAttention", family: .attention,
        reference: "timm EcaModule and CecaModule, BangguWu ECANet",
        summary: .dynamic("a gate per channel"),
        papers: ["1910.03151"],
        keys: [],
        variants: [
            .init(
                name: "timm",
                keys: adaptive + [
                    .optional("act_layer", .null, "activation of the hidden layer; null: relu"),
                    .optional("gate_layer", "sigmoid", "activation of the gates", aliases: "gate"),
                    .optional("rd_ratio", .number(0.125), "hidden width over C"),
                    .optional(
                        "rd_channels", .null, "hidden width; null leaves it to rd_ratio",
                        aliases: "hiddenWidth"),
                    .optional("rd_divisor", 8, "the hidden width is a multiple of this"),
                    .optional("use_mlp", false, "whether there is a hidden layer"),
                ]),
            .init(
                name: "circular",
                keys: adaptive + [
                    .optional("act_layer", .null, "other than null: conv has a bias"),
                    .optional("gate_layer", "sigmoid", "activation of the gates", aliases: "gate"),
                ]),
            .init(
                name: "official",
                keys: [
                    .required("channel", "channels C; without effect", aliases: "channels"),
                    .optional("k_size", 3, "odd", aliases: "kernelSize"),
                ]),
        ],
        weights: [
            .init("conv.weight", "[1, 1, k], with use_mlp [S, 1, 1]"),
            .init("conv.bias", "[1], with use_mlp [S]", optional: true),
            .init("conv2.weight, conv2.bias", "[1, S, k], [1]  (use_mlp)", optional: true),
        ],
        outputs: [.sameMap],
        golden: [
            "eca", "eca_circular", "eca_circular_bias", "eca_mlp", "eca_official",
            "eca_wide",
        ],
        benchmark: .generic("eca", "h=56 w=56 c=64") { sizes in
            LayerSample(["channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        switch configuration.text("variant") {
        case "timm": BuiltLayer(try timm(configuration))
        case "circular": BuiltLayer(try circular(configuration))
        default: BuiltLayer(try official(configuration))
        }
    }

    /// The reference takes the channels, but has no use for them.
    private static func official(
        _ configuration: LayerConfiguration
    ) throws -> EfficientChannelAttention {
        guard try (1...OptionLimits.channels).contains(configuration.int("channel")) else {
            throw configuration.refusal("channel", "1...\(OptionLimits.channels)")
        }
        return try EfficientChannelAttention(kernelSize: configuration.int("k_size"))
    }

    private static let adaptive: [ConfigurationKey] = [
        .optional("channels", .null, "channels C, for an adaptive kernel; null: kernel_size"),
        .optional("kernel_size", 3, "odd; only without channels", aliases: "kernelSize"),
        .optional("gamma", 2, "of the adaptive kernel: |log2 C + beta| / gamma"),
        .optional("beta", 1, "of the adaptive kernel"),
    ]

    private static func kernelSize(_ configuration: LayerConfiguration) throws -> Int {
        guard let channels = try configuration.optionalInt("channels") else {
            return try configuration.int("kernel_size")
        }
        return try EfficientChannelAttention.kernelSize(
            channels: channels, gamma: configuration.number("gamma"),
            beta: configuration.number("beta"))
    }

    private static func timm(
        _ configuration: LayerConfiguration
    ) throws -> EfficientChannelAttention {
        let kernelSize = try kernelSize(configuration)
        let gate = try configuration.activation("gate_layer")
        guard try configuration.bool("use_mlp") else {
            // The reference ignores the activation here; it still has to be one.
            if !configuration.isNull("act_layer") { _ = try configuration.activation("act_layer") }
            return try EfficientChannelAttention(kernelSize: kernelSize, gate: gate)
        }
        let channels = try configuration.int("channels")
        let width = try configuration.width(
            Double(channels) * configuration.number("rd_ratio"), key: "rd_ratio")
        let divisor = try configuration.positive("rd_divisor")
        return try EfficientChannelAttention(
            kernelSize: kernelSize,
            hiddenWidth: configuration.optionalInt("rd_channels")
                ?? makeDivisible(width, by: divisor),
            activation: configuration.isNull("act_layer")
                ? .relu : configuration.activation("act_layer"),
            gate: gate)
    }

    private static func circular(
        _ configuration: LayerConfiguration
    ) throws -> EfficientChannelAttention {
        let hasBias = !configuration.isNull("act_layer")
        if hasBias { _ = try configuration.activation("act_layer") }
        return try EfficientChannelAttention(
            kernelSize: kernelSize(configuration), isCircular: true, bias: hasBias,
            gate: configuration.activation("gate_layer"))
    }
}
