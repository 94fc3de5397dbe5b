import Protean

extension LayerEntry {
    static let film = LayerEntry(
        "FiLM", family: .normalization,
        reference: "FiLM of the authors",
        summary: .dynamic("a scale and a shift per channel, from a condition"),
        papers: ["1709.07871"],
        keys: [
            .required("channels", "channels C"),
            .optional(
                "condition_features", .null, "size F of a condition; null: gammas are given"),
            .optional("offset", .number(1), "added to the gammas of a condition"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"),
            .init("gammas", "[B, C]", optional: true),
            .init("betas", "[B, C]", optional: true),
            .init("condition", "[B, F]", optional: true),
        ],
        weights: [.init("film.weight, film.bias", "[2C, F], [2C]  (with condition_features)")],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: ["film", "film_condition"],
        benchmark: .generic("film", "h=28 w=28 c=128") { sizes in
            let map = try sizes.map
            return LayerSample(
                ["channels": sizes["c"]],
                inputs: [
                    "x": .map(map), "gammas": .plain([map[0], map[3]]),
                    "betas": .plain([map[0], map[3]]),
                ])
        }
    ) { configuration in
        let channels = try configuration.int("channels")
        guard let features = try configuration.optionalInt("condition_features") else {
            let layer = try FiLM(channels: channels)
            return BuiltLayer(layer) { inputs in
                let y = try layer(
                    inputs.map("x"), gammas: inputs.plain("gammas"), betas: inputs.plain("betas"))
                return [.map("y", y)]
            }
        }
        let layer = try FiLM(
            channels: channels, conditionFeatures: features, offset: configuration.number("offset"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), condition: inputs.plain("condition")))]
        }
    }
}
