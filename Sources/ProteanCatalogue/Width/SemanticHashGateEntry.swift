import Protean

extension LayerEntry {
    static let semanticHashGate = LayerEntry(
        "SemanticHashGate", family: .width,
        reference: "tensor2tensor isemhash_bottleneck in inference, behind two linear layers",
        summary: .dynamic("a gate of 0 or 1 for every unit"),
        papers: ["1801.09797", "1811.11205"],
        keys: [
            .required("features", "features F of the input"),
            .optional("bottleneck", 256, "features N between the layers"),
            .required("units", "gates U"),
        ],
        inputs: [.init("x", "[B, F]")],
        weights: [
            .init("encoder.weight", "[N, F]"), .init("encoder.bias", "[N]"),
            .init("decoder.weight", "[U, N]"), .init("decoder.bias", "[U]"),
        ],
        outputs: [.init("y", "[B, U]"), .init("scores", "[B, U]")],
        golden: ["semantic_hash_gate"],
        benchmark: .generic("semantic_hash_gate", "n=1 c=256 k=1024") { sizes in
            LayerSample(
                ["features": sizes["c"], "units": sizes["k"]],
                inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        let gate = try SemanticHashGate(
            features: configuration.int("features"), bottleneck: configuration.int("bottleneck"),
            units: configuration.int("units"))
        return BuiltLayer(gate) { inputs in
            let x = try inputs.plain("x")
            return [.plain("y", try gate(x)), .plain("scores", try gate.scores(x))]
        }
    }
}
