import Protean

extension LayerEntry {
    static let dynamicShiftMax = LayerEntry(
        "DynamicShiftMax", family: .activation,
        reference: "MicroNet DYShiftMax",
        summary: .dynamic("weights that mix a channel with one of the next group"),
        papers: ["2108.05894"],
        keys: [
            .required("inp", "channels C", aliases: "inputChannels", "channels"),
            .optional("oup", .null, "output channels; equal to inp", aliases: "outputChannels"),
            .optional("reduction", 4, "C over hidden width S"),
            .optional("act_max", 1, "reach of the weights", aliases: "reach"),
            .optional("act_relu", true, "true: the maximum of two mixtures; false: one mixture"),
            .optional("init_a", [0, 0], "added to the weights of x", aliases: "initialOwn"),
            .optional(
                "init_b", [0, 0], "added to the weights of the shifted x",
                aliases: "initialShifted"),
            .optional("relu_before_pool", false, "whether a ReLU comes first"),
            .required("g", "[any, groups]", aliases: "groups"),
            .optional("expansion", false, "true: C / g[1] groups, unless that is 1"),
        ],
        weights: [
            .init("fc.0.*", "[S, C], [S]"),
            .init("fc.2.*", "[4C or 2C, S], [4C or 2C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: [
            "dynamic_shift_max", "dynamic_shift_max_expansion", "dynamic_shift_max_mixture",
            "dynamic_shift_max_rectified",
        ],
        benchmark: .generic("dynamic_shift_max", "h=28 w=28 c=96 groups=6") { sizes in
            LayerSample(
                ["inp": sizes["c"], "g": .array([1, sizes["groups"]]), "act_max": 2],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let channels = try configuration.int("inp")
        if let outputs = try configuration.optionalInt("oup"), outputs != channels {
            throw configuration.refusal("oup", "\(channels), as inp")
        }
        let pair = try configuration.ints("g")
        guard pair.count == 2, pair[1] >= 1, pair[1] <= max(channels, 1) else {
            throw configuration.refusal("g", "two whole numbers, the second a divisor of inp")
        }
        let isExpansion = try configuration.bool("expansion") && pair[1] != 1
        return BuiltLayer(
            try DynamicShiftMax(
                channels: channels, groups: isExpansion ? channels / pair[1] : pair[1],
                reduction: configuration.positive("reduction"),
                options: DynamicShiftMax.Options(
                    reach: configuration.number("act_max"),
                    isMaximum: configuration.bool("act_relu"),
                    initialOwn: configuration.twoNumbers("init_a"),
                    initialShifted: configuration.twoNumbers("init_b"),
                    rectifiesFirst: configuration.bool("relu_before_pool"))))
    }
}
