import Protean

extension LayerEntry {
    static let submanifoldConv2d = LayerEntry(
        "SubmanifoldConv2d", family: .sparse,
        reference: "submanifold convolution: mask, torch.nn.Conv2d, mask",
        summary: .dynamic("which pixels are computed"),
        papers: ["1711.10275"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .optional("kernel_size", 3, "k or [kh, kw], odd"),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", true, "whether there is a bias"),
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("mask", "[B, 1, H, W], not 0: active")],
        weights: TensorDescription.convolution,
        outputs: [.init("y", "[B, O, H, W]")],
        golden: ["submanifold"],
        benchmark: .generic("submanifold_conv2d", "h=56 w=56 c=32 k=32 r=3 density=0.1") { sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                ],
                inputs: [
                    "x": .map(try sizes.map),
                    "mask": .mask(try sizes.mask, density: try sizes.number("density")),
                ])
        }
    ) { configuration in
        let layer = try SubmanifoldConv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"),
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"))
        return BuiltLayer(layer) { inputs in
            let plan = try MaskPlan(try inputs.map("mask"))
            return [.map("y", try layer(try inputs.map("x"), mask: plan))]
        }
    }
}
