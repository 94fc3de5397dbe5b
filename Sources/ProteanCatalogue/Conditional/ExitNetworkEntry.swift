import Protean

extension LayerEntry {
    static let exitNetwork = LayerEntry(
        "ExitNetwork", family: .conditional,
        reference: "stages and heads of torch.nn.Modules, with a loop over the exits",
        summary: .dynamic("how many stages run"),
        papers: ["1709.01686", "1703.09844"],
        keys: [
            .required("stages", "in order, each " + ConfigurationKey.nestedLayer),
            .required("heads", "one after each stage, from its result to logits"),
            .required("thresholds", "one per exit; the last one's is for the fallback"),
            .optional(
                "criterion", "maximum_probability",
                "maximum_probability, entropy, normalized_entropy, margin or patience"),
            .optional("fallback", "last", "last or mostConfident"),
            .optional("factors", .null, "of exits after the first: logits are added up; null: not"),
        ],
        inputs: [.containerInput],
        weights: [
            .init("stages.i.*", "those of stage i = 0, 1, ...", optional: true),
            .init("heads.i.*", "those of head i", optional: true),
        ],
        outputs: [
            .init("y", "[B, classes]: each row's logits"), .init("exits", "[B]: from 0"),
            .init("scores", "[B]"),
        ],
        golden: ["exit_network", "exit_network_boosted", "exit_network_surest"],
        benchmark: .generic("exit_network", "h=28 w=28 c=32 k=10") { sizes in
            let stage = ModelConfiguration.Value.object(
                try sizes.conv2d(kernelSize: 3, outputs: "c"))
            let head: ModelConfiguration.Value = [
                "layer": "Sequential",
                "layers": [
                    ["layer": "GlobalAveragePool2d"], ["layer": "Flatten"],
                    ["layer": "Linear", "in_features": sizes["c"], "out_features": sizes["k"]],
                ],
            ]
            return LayerSample(
                [
                    "stages": [stage, stage], "heads": [head, head],
                    "thresholds": [.number(0.5), 0],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let stages = try configuration.layers("stages")
        let heads = try configuration.layers("heads")
        let factors =
            configuration.isNull("factors") ? nil : try configuration.floats("factors")
        let network = try ExitNetwork(
            stages: stages.map { LayerStage($0.layer) }, heads: heads.map { LayerHead($0.layer) },
            combiner: factors.map { .boosted($0) } ?? .own)
        let policy = ExitPolicy.threshold(
            try criterion(configuration), try configuration.floats("thresholds"))
        let fallback = try configuration.choice("fallback", of: ExitNetwork.Fallback.self)
        let maps =
            stages.enumerated().map { (name: "stages.\($0.offset)", map: $0.element.keyMap) }
            + heads.enumerated().map { (name: "heads.\($0.offset)", map: $0.element.keyMap) }
        return BuiltLayer(network, keyMap: .parts(maps)) { inputs in
            let x = try inputs.map("x")
            if x.isShapeOnly { return [.plain("y", try network(x))] }
            let result = try network.dynamic(x, policy: policy, fallback: fallback)
            let rows = [result.exits.count]
            return [
                .plain("y", result.logits),
                .plain("exits", try Tensor(result.exits.map(Float.init), shape: rows)),
                .plain("scores", try Tensor(result.scores, shape: rows)),
            ]
        }
    }

    private static func criterion(_ configuration: LayerConfiguration) throws -> Criterion {
        let known: [(String, Criterion)] = [
            ("maximum_probability", .maximumProbability), ("entropy", .entropy),
            ("normalized_entropy", .normalizedEntropy), ("margin", .margin),
            ("patience", .patience),
        ]
        let name = try configuration.choice("criterion", known.map(\.0))
        return known.first { $0.0 == name }?.1 ?? .maximumProbability
    }
}

extension LayerConfiguration {
    /// A list of numbers, as Float32.
    func floats(_ key: String) throws -> [Float] {
        try list(key).enumerated().map { index, value in
            guard case .number(let number) = value else {
                throw ProteanError.invalidOption(
                    layer: layer, option: "\(key)[\(index)]", expected: "a number",
                    found: value.description)
            }
            return Float(number)
        }
    }
}
