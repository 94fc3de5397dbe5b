import Protean

extension LayerEntry {
    static let splitAttention = LayerEntry(
        "SplitAttention", family: .attention,
        reference: "timm SplitAttn, zhanghang1989/ResNeSt SplAtConv2d",
        summary: .dynamic("the weights of sets of channels, per channel"),
        papers: ["2004.08955"],
        keys: [
            .required("in_channels", "C", aliases: "inputChannels"),
            .optional("out_channels", .null, "O; null: C", aliases: "outputChannels"),
            .optional("kernel_size", 3, "k"),
            .optional("stride", 1, "step"),
            .optional("padding", .null, "null: k / 2"),
            .optional("dilation", 1, "distance of taps"),
            .optional("groups", 1, "G, groups of a set (cardinality)"),
            .optional("bias", false, "whether the convolution has a bias"),
            .optional("radix", 2, "R, sets of channels, 1...8"),
            .optional("rd_ratio", .number(0.25), "squeezed width S over C * R, at least 32"),
            .optional("rd_channels", .null, "S / R; null leaves it to rd_ratio"),
            .optional("rd_divisor", 8, "S is rounded to a multiple of this"),
            .optional("norm_layer", "batchnorm", "batchnorm or null"),
        ],
        weights: [
            .init("conv.weight", "[R * O, C / (G * R), k, k]"),
            .init("conv.bias", "[R * O]", optional: true),
            .init("bn0.weight, bias, running_mean, running_var", "[R * O]", optional: true),
            .init("fc1.weight, fc1.bias", "[S, O / G, 1, 1], [S]"),
            .init("bn1.weight, bias, running_mean, running_var", "[S]", optional: true),
            .init("fc2.weight, fc2.bias", "[R * O, S / G, 1, 1], [R * O]"),
        ],
        outputs: [.init("y", "[B, O, H', W']")],
        golden: [
            "split_attention", "split_attention_groups", "split_attention_one_set",
            "split_attention_plain",
        ],
        benchmark: .generic("split_attention", "h=28 w=28 c=128") { sizes in
            LayerSample(["in_channels": sizes["c"]], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let inputs = try configuration.int("in_channels")
        let radix = try configuration.int("radix")
        let norm = !configuration.isNull("norm_layer")
        if norm { try configuration.require("norm_layer", "batchnorm") }
        return BuiltLayer(
            try SplitAttention(
                inputChannels: inputs,
                outputChannels: configuration.optionalInt("out_channels") ?? inputs,
                kernelSize: configuration.int("kernel_size"), stride: configuration.int("stride"),
                padding: configuration.optionalInt("padding"),
                dilation: configuration.int("dilation"), groups: configuration.int("groups"),
                bias: configuration.bool("bias"), radix: radix,
                squeezeChannels: try width(configuration, inputs, radix), norm: norm))
    }

    private static func width(
        _ configuration: LayerConfiguration, _ inputs: Int, _ radix: Int
    ) throws -> Int {
        if let channels = try configuration.optionalInt("rd_channels") {
            let (width, overflow) = channels.multipliedReportingOverflow(by: radix)
            return overflow ? Int.max : width
        }
        return SplitAttention.squeezeChannels(
            try configuration.width(
                Double(inputs) * Double(radix) * configuration.number("rd_ratio"), key: "rd_ratio"),
            divisor: try configuration.positive("rd_divisor"))
    }
}
