import Protean

extension LayerEntry {
    static let dynamicConv2d = LayerEntry(
        "DynamicConv2d", family: .dynamic,
        reference: "kaijieshi7 Dynamic_conv2d",
        summary: .dynamic("the kernel: a weighted sum of experts per sample"),
        papers: ["1912.03458"],
        keys: [
            .required("in_planes", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_planes", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]", aliases: "kernelSize"),
            .optional(
                "ratio", .number(0.25), "hidden units per input channel: floor(C * ratio) + 1"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p, [ph, pw], \"same\" or \"valid\""),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", true, "whether every expert has a bias"),
            .optional("K", 4, "experts E", aliases: "experts"),
            .optional(
                "temperature", 34,
                "divides the logits; used as given: 34 is the start of training, inference needs 1"),
            .optional("algorithm", "auto", "auto, direct, winograd, winograd4x4 or winograd6x6"),
        ],
        weights: [
            .init("weight", "[E, O, C/g, kh, kw]"), .init("bias", "[E, O]", optional: true),
            .init("attention.fc1.weight", "[H, C, 1, 1]"),
            .init("attention.fc2.weight", "[E, H, 1, 1]"),
            .init("attention.fc2.bias", "[E]"),
        ],
        golden: ["dynamic_conv2d", "dynamic_conv2d_depthwise", "dynamic_conv2d_options"],
        benchmark: .kernel("dynamic_conv2d", "h=28 w=28 c=128 k=128 r=3 experts=4"),
        parts: ["DynamicConvAttention"]
    ) { configuration in
        BuiltLayer(
            try DynamicConv2d(
                inputChannels: configuration.int("in_planes"),
                outputChannels: configuration.int("out_planes"),
                kernelSize: configuration.size("kernel_size"),
                ratio: configuration.number("ratio"), stride: configuration.size("stride"),
                padding: configuration.padding("padding"),
                dilation: configuration.size("dilation"), groups: configuration.int("groups"),
                bias: configuration.bool("bias"), experts: configuration.int("K"),
                temperature: Float(configuration.number("temperature")),
                algorithm: configuration.choice("algorithm", of: Conv2dAlgorithm.self)))
    }
}
