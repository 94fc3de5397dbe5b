import Protean

extension LayerEntry {
    static let gatherExcite = LayerEntry(
        "GatherExcite", family: .attention,
        reference: "timm GatherExcite, hujie-frank GENet",
        summary: .dynamic("a gate per channel and part of the map"),
        papers: ["1810.12348"],
        keys: [
            .required("channels", "channels C"),
            .optional(
                "feat_size", .null, "[H, W], with extra_params at extent 0", aliases: "mapSize"),
            .optional(
                "extra_params", false, "whether convolutions gather", aliases: "hasParameters"),
            .optional("extent", 0, "distance of gathered positions; 0: the whole map"),
            .optional("use_mlp", true, "whether there is a network of two layers"),
            .optional("rd_ratio", .number(1.0 / 16), "hidden width S over C"),
            .optional(
                "rd_channels", .null, "S; null leaves it to rd_ratio", aliases: "hiddenChannels"),
            .optional("rd_divisor", 1, "S is rounded to a multiple of this"),
            .optional(
                "add_maxpool", false, "gather (mean + maximum) / 2", aliases: "addMaximum"),
            .optional("act_layer", "relu", "activation of the hidden layer"),
            .optional("norm_layer", "batchnorm2d", "\"batchnorm2d\" or null"),
            .optional("gate_layer", "sigmoid", "activation of the gates"),
        ],
        weights: [
            .init(
                "gather.conv1.weight", "[C, 1, H, W]  (extent 0), [C, 1, 3, 3], then conv2 …",
                optional: true),
            .init("gather.norm1.*", "batch norm of C, then norm2 …", optional: true),
            .init("mlp.fc1.*, mlp.fc2.*", "[S, C, 1, 1], [S]; [C, S, 1, 1], [C]", optional: true),
        ],
        outputs: [.sameMap],
        golden: [
            "ge_empty", "ge_extent", "ge_extent_parameters", "ge_global", "ge_global_parameters",
            "ge_maximum", "ge_plain",
        ],
        benchmark: .generic("gather_excite", "h=56 w=56 c=64") { sizes in
            LayerSample(["channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let channels = try configuration.int("channels")
        let width = try configuration.width(
            Double(channels) * configuration.number("rd_ratio"), key: "rd_ratio")
        let divisor = try configuration.positive("rd_divisor")
        let hidden =
            try configuration.optionalInt("rd_channels")
            ?? makeDivisible(width, by: divisor, roundLimit: 0)
        let size = try configuration.optionalPair("feat_size")
        let hasNorm = !configuration.isNull("norm_layer")
        if hasNorm { _ = try configuration.choice("norm_layer", ["batchnorm2d"]) }
        return BuiltLayer(
            try GatherExcite(
                channels: channels, extent: configuration.int("extent"),
                hasParameters: configuration.bool("extra_params"),
                mapSize: size.map { Size2d(height: $0.0, width: $0.1) },
                hiddenChannels: configuration.bool("use_mlp") ? hidden : nil,
                addMaximum: configuration.bool("add_maxpool"),
                activation: configuration.activation("act_layer"),
                gate: configuration.activation("gate_layer"), hasNorm: hasNorm))
    }
}
