import Protean

extension LayerEntry {
    static let mixtureOfExperts = LayerEntry(
        "MixtureOfExperts", family: .routing,
        reference: "davidmrau/mixture-of-experts, Mesh TensorFlow's moe",
        summary: .dynamic("which experts a token runs through"),
        papers: ["1701.06538", "2101.03961", "2006.16668"],
        keys: [
            .required("input_size", "features I of a token", aliases: "inputFeatures"),
            .required("output_size", "features O of the result", aliases: "outputFeatures"),
            .required("num_experts", "experts E", aliases: "experts"),
            .required("hidden_size", "hidden units H of an expert", aliases: "hiddenFeatures"),
            .optional("gating", "top_k", "top_k, top_1 or top_2"),
            .optional("k", 4, "experts per token, for top_k"),
            .optional("softmax", "after", "the selection or before it, for top_k"),
            .optional("end_in_softmax", true, "whether experts end in a softmax"),
            .optional("second", "always", "always, never or above, for top_2"),
            .optional("threshold", 0.2, "of the second expert's weight, for above"),
            .optional("capacity_factor", .null, "for top_1, top_2; null: none", aliases: "factor"),
            .optional("min_capacity", 4, "least places of an expert", aliases: "minimum"),
            .optional("group_size", 1024, "tokens that share places", aliases: "group"),
        ],
        inputs: [.init("x", "[..., I]")],
        weights: [
            .init("w_gate", "[I, E]"), .init("w_noise", "[I, E], for top_k", optional: true),
            .init("mean", "[1], for top_k", optional: true),
            .init("std", "[1], for top_k", optional: true),
            .init("experts.i.fc1.weight", "[H, I]"), .init("experts.i.fc1.bias", "[H]"),
            .init("experts.i.fc2.weight", "[O, H]"), .init("experts.i.fc2.bias", "[O]"),
        ],
        outputs: [.init("y", "[..., O]")],
        golden: [
            "mixture_of_experts", "mixture_of_experts_before", "mixture_of_experts_top1",
            "mixture_of_experts_top2",
        ],
        benchmark: .generic("mixture_of_experts", "w=196 c=256 k=512 experts=8") { sizes in
            LayerSample(
                [
                    "input_size": sizes["c"], "output_size": sizes["c"],
                    "num_experts": sizes["experts"], "hidden_size": sizes["k"], "k": 1,
                    "end_in_softmax": false,
                ],
                inputs: [
                    "x": .plain([try sizes.batch, try sizes.int("w"), try sizes.int("c")])
                ])
        }
    ) { configuration in
        let layer = try MixtureOfExperts(
            inputFeatures: configuration.int("input_size"),
            outputFeatures: configuration.int("output_size"),
            hiddenFeatures: configuration.int("hidden_size"),
            experts: configuration.int("num_experts"), gating: try gating(configuration),
            endsInSoftmax: configuration.bool("end_in_softmax"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }

    private static func gating(_ configuration: LayerConfiguration) throws -> ExpertGating {
        let factor = try configuration.optionalNumber("capacity_factor")
        let minimum = try configuration.int("min_capacity")
        let group = try configuration.int("group_size")
        let capacity = try factor.map {
            try ExpertCapacity(factor: $0, minimum: minimum, group: group)
        }
        switch try configuration.choice("gating", ["top_k", "top_1", "top_2"]) {
        case "top_1": return .topOne(capacity: capacity)
        case "top_2": return .topTwo(second: try second(configuration), capacity: capacity)
        default:
            guard capacity == nil else {
                throw configuration.refusal("capacity_factor", "null for top_k")
            }
            let order = try configuration.choice("softmax", ["after", "before"])
            return .topK(
                try configuration.int("k"),
                softmax: order == "after" ? .afterSelection : .beforeSelection)
        }
    }

    private static func second(
        _ configuration: LayerConfiguration
    ) throws -> ExpertGating.SecondPlace {
        switch try configuration.choice("second", ["always", "never", "above"]) {
        case "never": .never
        case "above": .above(Float(try configuration.number("threshold")))
        default: .always
        }
    }
}
