import Protean

extension LayerEntry {
    static let odConv2d = LayerEntry(
        "ODConv2d", family: .dynamic,
        reference: "OSVAI ODConv2d",
        summary: .dynamic(
            "the kernel: a weighted sum of experts, scaled per tap, input and output channel"),
        papers: ["2209.07947"],
        keys: [
            .required("in_planes", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_planes", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k", aliases: "kernelSize"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p, [ph, pw], \"same\" or \"valid\""),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
            .optional(
                "reduction", .number(0.0625),
                "hidden units A per input channel: max(floor(C * r), 16)"),
            .optional("kernel_num", 4, "experts E", aliases: "experts"),
            .optional("temperature", 1, "divides the logits of all attentions"),
            .optional("algorithm", "auto", "auto, direct, winograd, winograd4x4 or winograd6x6"),
        ],
        weights: [
            .init("weight", "[E, O, C/g, k, k]"),
            .init("attention.fc.weight", "[A, C, 1, 1]"),
            .init("attention.bn.weight, bias, running_mean, running_var", "[A]"),
            .init("attention.channel_fc.weight, bias", "[C, A, 1, 1], [C]"),
            .init(
                "attention.filter_fc.weight, bias", "[O, A, 1, 1], [O]  (unless depthwise)",
                optional: true),
            .init(
                "attention.spatial_fc.weight, bias", "[k*k, A, 1, 1], [k*k]  (unless k = 1)",
                optional: true),
            .init(
                "attention.kernel_fc.weight, bias", "[E, A, 1, 1], [E]  (unless E = 1)",
                optional: true),
        ],
        golden: [
            "odconv2d", "odconv2d_depthwise", "odconv2d_grouped", "odconv2d_narrow",
            "odconv2d_pointwise", "odconv2d_static",
        ],
        benchmark: .kernel("odconv2d", "h=28 w=28 c=128 k=128 r=3 experts=4"),
        parts: ["ODConvAttention"]
    ) { configuration in
        BuiltLayer(
            try ODConv2d(
                inputChannels: configuration.int("in_planes"),
                outputChannels: configuration.int("out_planes"),
                kernelSize: configuration.int("kernel_size"),
                stride: configuration.size("stride"), padding: configuration.padding("padding"),
                dilation: configuration.size("dilation"), groups: configuration.int("groups"),
                reduction: configuration.number("reduction"),
                experts: configuration.int("kernel_num"),
                temperature: Float(configuration.number("temperature")),
                algorithm: configuration.choice("algorithm", of: Conv2dAlgorithm.self)))
    }
}
