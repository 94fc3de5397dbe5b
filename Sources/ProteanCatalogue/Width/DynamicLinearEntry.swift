import Protean

extension LayerEntry {
    static let dynamicLinear = LayerEntry(
        "DynamicLinear", family: .width,
        reference: "torch.nn.functional.linear, masked",
        summary: .dynamic("which units each row computes"),
        papers: ["1511.06297", "1312.4461"],
        keys: [
            .required("in_features", "features C of x", aliases: "inputFeatures"),
            .required("out_features", "units O", aliases: "outputFeatures"),
            .bias(true),
            .optional(
                "select", "mask",
                "\"mask\": scores that are not 0; \"top\": the k largest; \"above\": larger than "
                    + "threshold; \"winners\": larger than the (k + 1)-th, k = ceil(density * O)",
                aliases: "rule"),
            .optional("k", .null, "units per row, for \"top\""),
            .optional("threshold", .null, "for \"above\""),
            .optional("density", .null, "share of the units, for \"winners\""),
        ],
        inputs: [.init("x", "[B, C]"), .init("scores", "[B, O]")],
        weights: [.init("weight", "[O, C]"), .init("bias", "[O]", optional: true)],
        outputs: [.init("y", "[B, O]")],
        golden: ["dynamic_linear", "dynamic_linear_top", "dynamic_linear_winners"],
        benchmark: .generic("dynamic_linear", "n=1 c=512 k=512 density=0.5") { sizes in
            let batch = try sizes.batch
            return LayerSample(
                [
                    "in_features": sizes["c"], "out_features": sizes["k"], "select": "winners",
                    "density": sizes["density"],
                ],
                inputs: [
                    "x": .plain([batch, try sizes.int("c")]),
                    "scores": .plain([batch, try sizes.int("k")]),
                ])
        }
    ) { configuration in
        let layer = try DynamicLinear(
            inputFeatures: configuration.int("in_features"),
            outputFeatures: configuration.int("out_features"), rule: rule(configuration),
            bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            [.plain("y", try layer(inputs.plain("x"), scores: inputs.plain("scores")))]
        }
    }

    private static func rule(_ configuration: LayerConfiguration) throws -> Rule {
        let kind = try configuration.choice("select", ["mask", "top", "above", "winners"])
        let needed = ["top": "k", "above": "threshold", "winners": "density"][kind]
        for key in ["k", "threshold", "density"] where key != needed {
            try configuration.require(key, .null)
        }
        return switch kind {
        case "top": .top(try configuration.int("k"))
        case "above": .above(Float(try configuration.number("threshold")))
        case "winners": .winners(density: try configuration.number("density"))
        default: .nonzero
        }
    }
}
