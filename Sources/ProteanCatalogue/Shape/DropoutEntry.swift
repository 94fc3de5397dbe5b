import Protean

extension LayerEntry {
    static let dropout = LayerEntry(
        "Dropout", family: .shape,
        reference: "torch.nn.Dropout, in inference",
        summary: .pytorchShape,
        keys: [
            .optional(
                "p", .number(0.5), "share that training sets to 0", aliases: "probability"),
            .inPlace,
        ],
        inputs: [.anyShape],
        outputs: [.sameShape],
        golden: ["dropout", "dropout_options"],
        benchmark: .generic("dropout", "c=1000") { sizes in
            LayerSample([:], inputs: ["x": .plain([try sizes.batch, try sizes.int("c")])])
        }
    ) { configuration in
        _ = try configuration.bool("inplace")
        let layer = try Dropout(probability: configuration.number("p"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }
}

extension LayerEntry.Summary {
    /// The row in README.md of layers without weights that only move values.
    static let pytorchShape = LayerEntry.Summary.fixed("PyTorch's conventions on NHWC")
}
