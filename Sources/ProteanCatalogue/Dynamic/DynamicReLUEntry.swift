import Protean

extension LayerEntry {
    static let dynamicReLU = LayerEntry(
        "DynamicReLU", family: .dynamic,
        reference: "Islanna DyReLUA and DyReLUB, DynamicHead DYReLU",
        summary: .dynamic("slopes and offsets of the activation"),
        papers: ["2003.10027"],
        keys: [
            .optional(
                "type", .null, "\"A\", \"B\" or \"C\"; null: B, or C with use_spatial")
        ],
        variants: [
            .init(
                name: "islanna",
                keys: [
                    .required("channels", "channels C", aliases: "inputChannels"),
                    .optional("reduction", 4, "C over hidden width S"),
                    .optional("k", 2, "linear pieces: 2"),
                    .optional("conv_type", "2d", "\"2d\""),
                ]),
            .init(
                name: "dyhead",
                keys: [
                    .required("inp", "channels C", aliases: "inputChannels", "channels"),
                    .optional(
                        "oup", .null, "output channels; equal to inp", aliases: "outputChannels"),
                    .optional("reduction", 4, "C over hidden width S"),
                    .optional("lambda_a", 1, "1"),
                    .optional("K2", true, "true: two pieces"),
                    .optional("use_bias", true, "true"),
                    .optional("use_spatial", .null, "type C; null leaves it to type"),
                    .optional("init_a", [1, 0], "[1, 0]"),
                    .optional("init_b", [0, 0], "[0, 0]"),
                ]),
        ],
        weights: [
            .init("fc1.weight, fc1.bias", "[S, C], [S]  (islanna)"),
            .init("fc2.weight, fc2.bias", "[4C or 4, S], [4C or 4]  (islanna)"),
            .init("lambdas, init_v", "[4], [4]  (islanna)"),
            .init("fc.0.*, fc.2.*", "[S, C], [S]; [4C, S], [4C]  (dyhead)"),
            .init("spa.0.*, spa.1.*", "[1, C, 1, 1], [1]; batch norm of 1  (dyhead, type C)"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["dyrelu_a", "dyrelu_b", "dyrelu_c", "dyrelu_dyhead"],
        benchmark: .kernel("dynamic_relu", "h=56 w=56 c=64")
    ) { configuration in
        let isIslanna = configuration.text("variant") == "islanna"
        let kind = try isIslanna ? islannaKind(configuration) : dyheadKind(configuration)
        return BuiltLayer(
            try DynamicReLU(
                channels: configuration.int(isIslanna ? "channels" : "inp"),
                reduction: configuration.positive("reduction"), kind: kind,
                variant: isIslanna ? .islanna : .dyhead))
    }

    private static func islannaKind(
        _ configuration: LayerConfiguration
    ) throws -> DynamicReLU.Kind {
        try configuration.require("k", 2)
        try configuration.require("conv_type", "2d")
        return try configuration.isNull("type")
            ? .b : configuration.choice("type", of: DynamicReLU.Kind.self)
    }

    private static func dyheadKind(
        _ configuration: LayerConfiguration
    ) throws -> DynamicReLU.Kind {
        for (key, only): (String, ModelConfiguration.Value) in [
            ("lambda_a", 1), ("K2", true), ("use_bias", true), ("init_a", [1, 0]),
            ("init_b", [0, 0]),
        ] {
            try configuration.require(key, only)
        }
        let channels = try configuration.int("inp")
        if let outputs = try configuration.optionalInt("oup"), outputs != channels {
            throw configuration.refusal("oup", "\(channels), as inp")
        }
        guard !configuration.isNull("use_spatial") else {
            return try configuration.isNull("type")
                ? .b : configuration.choice("type", of: DynamicReLU.Kind.self)
        }
        let kind: DynamicReLU.Kind = try configuration.bool("use_spatial") ? .c : .b
        guard
            try configuration.isNull("type")
                || configuration.choice("type", of: DynamicReLU.Kind.self) == kind
        else { throw configuration.refusal("type", "\"\(kind.rawValue)\" with this use_spatial") }
        return kind
    }
}
