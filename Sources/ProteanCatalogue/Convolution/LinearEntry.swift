import Protean

extension LayerEntry {
    static let linear = LayerEntry(
        "Linear", family: .convolution,
        reference: "torch.nn.Linear",
        summary: .fixed("a matrix product along the innermost axis"),
        keys: [
            .required("in_features", "size I of the innermost axis of x", aliases: "inputFeatures"),
            .required(
                "out_features", "size O of the innermost axis of y", aliases: "outputFeatures"),
            .optional("bias", true, "whether there is a bias"),
        ],
        inputs: [.init("x", "[..., I]")],
        weights: [.init("weight", "[O, I]"), .init("bias", "[O]", optional: true)],
        outputs: [.init("y", "[..., O]")],
        golden: ["linear", "linear_without_bias"],
        benchmark: .kernel("linear", "c=512 k=1000")
    ) { configuration in
        let layer = try Linear(
            inputFeatures: configuration.int("in_features"),
            outputFeatures: configuration.int("out_features"), bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in [.plain("y", try layer(inputs.plain("x")))] }
    }
}
