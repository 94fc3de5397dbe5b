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
                    .optional("k", 2, "linear pieces, 1...4", aliases: "pieces"),
                    .optional("conv_type", "2d", "\"2d\""),
                ]),
            .init(
                name: "dyhead",
                keys: [
                    .required("inp", "channels C", aliases: "inputChannels", "channels"),
                    .optional(
                        "oup", .null, "channels O of x, with another guide; null: inp",
                        aliases: "outputChannels"),
                    .optional("reduction", 4, "C over hidden width S"),
                    .optional("lambda_a", 1, "reach of the slopes", aliases: "reach"),
                    .optional("K2", true, "true: two pieces, false: one"),
                    .optional("use_bias", true, "whether pieces have offsets"),
                    .optional("use_spatial", .null, "type C; null leaves it to type"),
                    .optional("init_a", [1, 0], "slopes at first", aliases: "slopes"),
                    .optional("init_b", [0, 0], "offsets at first", aliases: "offsets"),
                ]),
        ],
        inputs: [
            .init("x", "[B, O, H, W], O = C without a guide"),
            .init(
                "guide", "[B, C, H, W]: the map that gives the coefficients  (dyhead)",
                optional: true),
        ],
        weights: [
            .init("fc1.weight, fc1.bias", "[S, C], [S]  (islanna)"),
            .init("fc2.weight, fc2.bias", "[2kC or 2k, S], [2kC or 2k]  (islanna)"),
            .init("lambdas, init_v", "[2k], [2k]  (islanna)"),
            .init("fc.0.*, fc.2.*", "[S, C], [S]; [4O, 2O or O, S], [the same]  (dyhead)"),
            .init("spa.0.*, spa.1.*", "[1, C, 1, 1], [1]; batch norm of 1  (dyhead, type C)"),
        ],
        outputs: [.init("y", "[B, O, H, W]")],
        golden: [
            "dyrelu_a", "dyrelu_b", "dyrelu_c", "dyrelu_dyhead", "dyrelu_guide",
            "dyrelu_guide_spatial", "dyrelu_one", "dyrelu_pieces", "dyrelu_pieces_a",
            "dyrelu_slope", "dyrelu_slopes",
        ],
        benchmark: .kernel("dynamic_relu", "h=56 w=56 c=64")
    ) { configuration in
        let isIslanna = configuration.text("variant") == "islanna"
        let layer = try isIslanna ? islanna(configuration) : dyhead(configuration)
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            guard !isIslanna, let guide = try inputs.optionalMap("guide") else {
                return [.map("y", try layer(x))]
            }
            return [.map("y", try layer(x, coefficientsFrom: guide))]
        }
    }

    private static func islanna(_ configuration: LayerConfiguration) throws -> DynamicReLU {
        try configuration.require("conv_type", "2d")
        return try DynamicReLU(
            channels: configuration.int("channels"),
            reduction: configuration.positive("reduction"),
            kind: configuration.isNull("type")
                ? .b : configuration.choice("type", of: DynamicReLU.Kind.self),
            pieces: DynamicReLU.Pieces(count: configuration.int("k")))
    }

    private static func dyhead(_ configuration: LayerConfiguration) throws -> DynamicReLU {
        try DynamicReLU(
            channels: configuration.int("inp"), outputChannels: configuration.optionalInt("oup"),
            reduction: configuration.positive("reduction"), kind: dyheadKind(configuration),
            variant: .dyhead,
            pieces: DynamicReLU.Pieces(
                count: configuration.bool("K2") ? 2 : 1,
                hasOffsets: configuration.bool("use_bias"),
                reach: configuration.number("lambda_a"),
                slopes: configuration.twoNumbers("init_a"),
                offsets: configuration.twoNumbers("init_b")))
    }

    private static func dyheadKind(
        _ configuration: LayerConfiguration
    ) throws -> DynamicReLU.Kind {
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

extension LayerConfiguration {
    /// A list of two numbers.
    func twoNumbers(_ key: String) throws -> [Double] {
        let numbers = try list(key).compactMap { value -> Double? in
            if case .number(let number) = value { number } else { nil }
        }
        guard numbers.count == 2, try list(key).count == 2 else {
            throw refusal(key, "a list of two numbers")
        }
        return numbers
    }
}
