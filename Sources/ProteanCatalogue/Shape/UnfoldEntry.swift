import Protean

extension LayerEntry {
    static let unfold = LayerEntry(
        "Unfold", family: .shape,
        reference: "torch.nn.Unfold",
        summary: .fixed("sliding windows as rows and back"),
        keys: ConfigurationKey.slidingWindow,
        outputs: [.init("y", "[B, C * kh * kw, L]")],
        golden: ["unfold", "unfold_options"],
        benchmark: .generic(
            "unfold", "h=56 w=56 c=64 r=3", optional: ["stride", "pad", "dilation"]
        ) { sizes in
            LayerSample(try sizes.slidingWindow, inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        BuiltLayer(
            try Unfold(
                kernelSize: configuration.size("kernel_size"),
                dilation: configuration.size("dilation"), padding: configuration.size("padding"),
                stride: configuration.size("stride")))
    }
}
