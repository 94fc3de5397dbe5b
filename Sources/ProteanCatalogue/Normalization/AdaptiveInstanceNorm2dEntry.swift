import Protean

extension LayerEntry {
    static let adaptiveInstanceNorm2d = LayerEntry(
        "AdaptiveInstanceNorm2d", family: .normalization,
        reference: "adaptive_instance_normalization of AdaIN, MUNIT, StarGAN v2",
        summary: .dynamic("scale and shift of every normalised channel, from a style"),
        papers: ["1703.06868", "1804.04732", "1912.01865"],
        keys: [.optional("eps", .number(1e-5), "added to the variance")],
        variants: [
            .init(name: "statistics", keys: [.required("channels", "channels C")]),
            .init(
                name: "given",
                keys: [
                    .required("num_features", "channels C", aliases: "channels"),
                    .optional("momentum", .number(0.1), "without effect here"),
                ]),
            .init(
                name: "linear",
                keys: [
                    .required("style_dim", "size F of a style", aliases: "styleFeatures"),
                    .required("num_features", "channels C", aliases: "channels"),
                ]),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("style", "[B, C, H', W']  (statistics)", optional: true),
            .init("s", "[B, F]  (linear)", optional: true),
            .init("weight", "[B, C]  (given)", optional: true),
            .init("bias", "[B, C]  (given)", optional: true),
        ],
        weights: [.init("fc.weight, fc.bias", "[2C, F], [2C]  (linear)")],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["adain_given", "adain_linear", "adain_statistics", "adain_statistics_eps"],
        benchmark: .generic("adaptive_instance_norm2d", "h=32 w=32 c=128") { sizes in
            let map = try sizes.map
            return LayerSample(
                ["variant": "given", "num_features": sizes["c"]],
                inputs: [
                    "x": .map(map), "weight": .plain([map[0], map[3]]),
                    "bias": .plain([map[0], map[3]]),
                ])
        }
    ) { configuration in
        let eps = try configuration.number("eps")
        switch configuration.text("variant") {
        case "given":
            _ = try configuration.number("momentum")
            let layer = try AdaptiveInstanceNorm2d(
                channels: configuration.int("num_features"), variant: .given, eps: eps)
            return BuiltLayer(layer) { inputs in
                let y = try layer(
                    inputs.map("x"), scale: inputs.plain("weight"), shift: inputs.plain("bias"))
                return [.map("y", y)]
            }
        case "linear":
            let layer = try AdaptiveInstanceNorm2d(
                channels: configuration.int("num_features"), variant: .linear,
                styleFeatures: configuration.int("style_dim"), eps: eps)
            return BuiltLayer(layer) { inputs in
                [.map("y", try layer(inputs.map("x"), style: inputs.plain("s")))]
            }
        default:
            let layer = try AdaptiveInstanceNorm2d(
                channels: configuration.int("channels"), eps: eps)
            return BuiltLayer(layer) { inputs in
                [.map("y", try layer(inputs.map("x"), style: inputs.map("style")))]
            }
        }
    }
}
