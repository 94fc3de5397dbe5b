import Protean

extension LayerEntry {
    static let deepMoEConv2d = LayerEntry(
        "DeepMoEConv2d", family: .width,
        reference: "relu(linear(embedding)) * torch.nn.Conv2d",
        summary: .dynamic("which output channels are computed, and their gain"),
        papers: ["1806.01531"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .required("embedding", "features E of the embedding"),
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("embedding", "[B, E]")],
        weights: [.init("conv.weight", "[O, C, kh, kw]"), .init("gate.weight", "[O, E]")],
        golden: ["deep_moe"],
        benchmark: .generic("deep_moe_conv2d", "h=28 w=28 c=64 k=64 r=3") { sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                    "padding": .number(Double((try sizes.int("r") - 1) / 2)), "embedding": 32,
                ],
                inputs: [
                    "x": .map(try sizes.map), "embedding": .plain([try sizes.batch, 32]),
                ])
        }
    ) { configuration in
        let layer = try DeepMoEConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.padding("padding"), embedding: configuration.int("embedding"))
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x"), embedding = try inputs.plain("embedding")
            let y = try layer(x, with: [embedding], epilogue: Conv2dEpilogue())
            return [.map("y", y)]
        }
    }
}
