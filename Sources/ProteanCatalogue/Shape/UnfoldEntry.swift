import Protean

extension LayerEntry {
    static let unfold = LayerEntry(
        "Unfold", family: .shape,
        reference: "torch.nn.Unfold",
        summary: .fixed("sliding windows as rows and back"),
        keys: ConfigurationKey.slidingWindow,
        outputs: [.init("y", "[B, C * kh * kw, L]; any layout")],
        golden: ["unfold", "unfold_options"],
        benchmark: .generic(
            "unfold", "h=56 w=56 c=64 r=3", optional: ["stride", "pad", "dilation"]
        ) { sizes in
            LayerSample(try sizes.slidingWindow, inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try Unfold(
            kernelSize: configuration.size("kernel_size"),
            dilation: configuration.size("dilation"), padding: configuration.size("padding"),
            stride: configuration.size("stride"))
        return BuiltLayer(layer) { inputs in
            // PyTorch's order; the library has a row per window.
            [.plain("y", try Operations.permute(layer(inputs.map("x")), [0, 2, 1]))]
        }
    }
}
