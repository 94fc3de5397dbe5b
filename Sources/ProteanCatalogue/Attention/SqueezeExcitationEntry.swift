import Protean

extension LayerEntry {
    static let squeezeExcitation = LayerEntry(
        "SqueezeExcitation", family: .attention,
        reference: "timm (three modules), torchvision, moskomule, the authors' Caffe",
        summary: .dynamic("a gate per channel"),
        papers: ["1709.01507"],
        keys: [],
        variants: [
            .init(
                name: "timm",
                keys: [
                    .required("channels", "channels C", aliases: "inputChannels"),
                    .optional("rd_ratio", .number(1.0 / 16), "squeezed width S over C"),
                    .optional("rd_channels", .null, "S; null leaves it to rd_ratio"),
                    .optional("rd_divisor", 8, "S is rounded to a multiple of this"),
                    .optional("add_maxpool", false, "pool (mean + maximum) / 2"),
                    .optional("bias", true, "whether fc1 and fc2 have a bias"),
                    .optional("act_layer", "relu", "activation after fc1"),
                    .optional("norm_layer", .null, "null, or \"batchnorm2d\" after fc1"),
                    .optional("gate_layer", "sigmoid", "activation after fc2"),
                ]),
            .init(
                name: "torchvision",
                keys: [
                    .required("input_channels", "channels C", aliases: "inputChannels", "channels"),
                    .required("squeeze_channels", "squeezed width S"),
                    .optional("activation", "relu", "activation after fc1"),
                    .optional("scale_activation", "sigmoid", "activation after fc2"),
                ]),
            .init(
                name: "timm_efficientnet",
                keys: [
                    .required("in_chs", "channels C", aliases: "inputChannels", "channels"),
                    .optional("rd_ratio", .number(0.25), "squeezed width S over C"),
                    .optional("rd_channels", .null, "S; null leaves it to rd_ratio"),
                    .optional("act_layer", "relu", "activation after conv_reduce"),
                    .optional("gate_layer", "sigmoid", "activation after conv_expand"),
                ]),
            .init(
                name: "linear",
                keys: [
                    .required("channel", "channels C", aliases: "inputChannels", "channels"),
                    .optional("reduction", 16, "C over squeezed width S"),
                ]),
            .init(
                name: "caffe",
                keys: [
                    .required("channels", "channels C", aliases: "inputChannels"),
                    .optional("reduction", 16, "C over squeezed width S"),
                ]),
            .init(
                name: "effective",
                keys: [
                    .required("channels", "channels C", aliases: "inputChannels"),
                    .optional("add_maxpool", false, "pool (mean + maximum) / 2"),
                    .optional("gate_layer", "hard_sigmoid", "activation of the gates"),
                ]),
        ],
        weights: [
            .init("fc1.weight, fc1.bias", "[S, C, 1, 1], [S]  (timm, torchvision)"),
            .init("fc2.weight, fc2.bias", "[C, S, 1, 1], [C]  (timm, torchvision)"),
            .init("conv_reduce.*, conv_expand.*", "the same  (timm_efficientnet)"),
            .init("fc.0.weight, fc.2.weight", "[S, C], [C, S]  (linear)"),
            .init("bn.*", "batch norm of S  (timm with norm_layer)", optional: true),
            .init("1x1_down.*, 1x1_up.*", "[S, C, 1, 1], [S]; [C, S, 1, 1], [C]  (caffe)"),
            .init("fc.weight, fc.bias", "[C, C, 1, 1], [C]  (effective)"),
        ],
        outputs: [.sameMap],
        golden: [
            "se_caffe", "se_effective", "se_effective_options", "se_efficientnet", "se_linear",
            "se_timm", "se_timm_norm", "se_timm_options", "se_torchvision",
        ],
        benchmark: .kernel("squeeze_excitation", "h=56 w=56 c=64")
    ) { configuration in
        switch configuration.text("variant") {
        case "timm": BuiltLayer(try timm(configuration))
        case "torchvision": BuiltLayer(try torchvision(configuration))
        case "timm_efficientnet": BuiltLayer(try efficientNet(configuration))
        case "effective": BuiltLayer(try effective(configuration))
        case "caffe":
            BuiltLayer(try reduced(configuration, channels: "channels", variant: .caffe))
        default: BuiltLayer(try reduced(configuration, channels: "channel", variant: .linear))
        }
    }

    private static func timm(_ configuration: LayerConfiguration) throws -> SqueezeExcitation {
        let hasNorm = !configuration.isNull("norm_layer")
        if hasNorm { _ = try configuration.choice("norm_layer", ["batchnorm2d"]) }
        let channels = try configuration.int("channels")
        let divisor = try configuration.positive("rd_divisor")
        let ratio = try configuration.number("rd_ratio")
        let width = try configuration.width(Double(channels) * ratio, key: "rd_ratio")
        return try SqueezeExcitation(
            channels: channels,
            squeezeChannels: configuration.optionalInt("rd_channels")
                ?? makeDivisible(width, by: divisor, roundLimit: 0),
            variant: .timm, activation: configuration.activation("act_layer"),
            gate: configuration.activation("gate_layer"), bias: configuration.bool("bias"),
            addMaximum: configuration.bool("add_maxpool"), hasNorm: hasNorm)
    }

    private static func torchvision(
        _ configuration: LayerConfiguration
    ) throws -> SqueezeExcitation {
        try SqueezeExcitation(
            channels: configuration.int("input_channels"),
            squeezeChannels: configuration.int("squeeze_channels"), variant: .torchvision,
            activation: configuration.activation("activation"),
            gate: configuration.activation("scale_activation"))
    }

    private static func efficientNet(
        _ configuration: LayerConfiguration
    ) throws -> SqueezeExcitation {
        let channels = try configuration.int("in_chs")
        let ratio = try configuration.number("rd_ratio")
        let width = try configuration.width(Double(channels) * ratio, key: "rd_ratio")
        return try SqueezeExcitation(
            channels: channels,
            squeezeChannels: configuration.optionalInt("rd_channels")
                ?? Int(width.rounded(.toNearestOrEven)),
            variant: .timmEfficientNet, activation: configuration.activation("act_layer"),
            gate: configuration.activation("gate_layer"))
    }

    private static func reduced(
        _ configuration: LayerConfiguration, channels key: String,
        variant: SqueezeExcitation.Variant
    ) throws -> SqueezeExcitation {
        let channels = try configuration.int(key)
        return try SqueezeExcitation(
            channels: channels,
            squeezeChannels: channels / configuration.positive("reduction"), variant: variant)
    }

    private static func effective(
        _ configuration: LayerConfiguration
    ) throws -> SqueezeExcitation {
        let channels = try configuration.int("channels")
        return try SqueezeExcitation(
            channels: channels, squeezeChannels: channels, variant: .effective,
            gate: configuration.activation("gate_layer"),
            addMaximum: configuration.bool("add_maxpool"))
    }
}
