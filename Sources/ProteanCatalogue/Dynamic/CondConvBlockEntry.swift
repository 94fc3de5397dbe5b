import Protean

extension LayerEntry {
    static let condConvBlock = LayerEntry(
        "CondConvBlock", family: .dynamic,
        reference: "timm CondConvResidual",
        summary: .dynamic("the kernels of an inverted residual, with one routing per sample"),
        papers: ["1904.04971"],
        keys: [
            .required("in_chs", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_chs", "output channels O", aliases: "outputChannels"),
            .optional("dw_kernel_size", 3, "side k of the depthwise kernel", aliases: "kernelSize"),
            .optional("stride", 1, "s"),
            .optional("dilation", 1, "d"),
            .optional(
                "group_size", 1, "channels per group of the depthwise convolution; 0: one group"),
            .optional(
                "pad_type", "", "\"\" (symmetric), \"same\" (as TensorFlow) or \"valid\"",
                aliases: "padding"),
            .optional("noskip", false, "true: the input is not added", aliases: "skips"),
            .optional(
                "exp_ratio", 1, "hidden channels M over C, M a multiple of 8",
                aliases: "expansion"),
            .optional(
                "exp_kernel_size", 1, "side of the expansion's kernel",
                aliases: "expansionKernelSize"),
            .optional(
                "pw_kernel_size", 1, "side of the projection's kernel",
                aliases: "projectionKernelSize"),
            .optional("act_layer", "relu", "activation", aliases: "activation"),
            .optional("norm_layer", .null, "null: batch norm"),
            .optional("aa_layer", .null, "null"),
            .optional("se_layer", .null, "null, or \"SqueezeExcite\" for a gate per channel"),
            .optional(
                "rd_ratio", .number(0.25), "squeezed width S of the gate over M",
                aliases: "squeezeChannels"),
            .optional("num_experts", 4, "experts E", aliases: "experts"),
            .optional("drop_path_rate", 0, "in 0..<1; without effect in inference"),
            .optional("bn_eps", .number(1e-5), "batch norm's eps", aliases: "eps"),
        ],
        weights: [
            .init("conv_pw.weight", "[E, M * C * kernel area]"),
            .init("conv_dw.weight", "[E, M * group size * k * k]"),
            .init("conv_pwl.weight", "[E, O * M * kernel area]"),
            .init("bn1.*, bn2.*, bn3.*", "batch norms of M, M and O"),
            .init("se.conv_reduce.weight, bias", "[S, M, 1, 1], [S]", optional: true),
            .init("se.conv_expand.weight, bias", "[M, S, 1, 1], [M]", optional: true),
            .init("routing_fn.weight, routing_fn.bias", "[E, C], [E]"),
        ],
        golden: ["condconv_block", "condconv_block_options", "condconv_block_same"],
        benchmark: .generic("condconv_block", "h=14 w=14 c=112 k=112 r=5 experts=4") { sizes in
            LayerSample(
                [
                    "in_chs": sizes["c"], "out_chs": sizes["k"], "dw_kernel_size": sizes["r"],
                    "num_experts": sizes["experts"], "exp_ratio": 6, "act_layer": "silu",
                    "se_layer": "SqueezeExcite", "rd_ratio": .number(1.0 / 24),
                ], inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        for key in ["norm_layer", "aa_layer"] { try configuration.require(key, .null) }
        let drop = try configuration.number("drop_path_rate")
        guard drop >= 0, drop < 1 else { throw configuration.refusal("drop_path_rate", "0..<1") }
        let groupSize = try configuration.int("group_size")
        let expansion = try configuration.number("exp_ratio")
        return BuiltLayer(
            try CondConvBlock(
                inputChannels: configuration.int("in_chs"),
                outputChannels: configuration.int("out_chs"),
                kernelSize: configuration.int("dw_kernel_size"),
                stride: configuration.int("stride"), dilation: configuration.int("dilation"),
                groupSize: groupSize == 0 ? nil : groupSize,
                padding: configuration.choice("pad_type", of: CondConvBlock.Padding.self),
                expansion: expansion, expansionKernelSize: configuration.int("exp_kernel_size"),
                projectionKernelSize: configuration.int("pw_kernel_size"),
                activation: configuration.activation("act_layer"),
                squeezeChannels: squeezeChannels(configuration, expansion),
                experts: configuration.int("num_experts"), eps: configuration.number("bn_eps"),
                skips: !configuration.bool("noskip")))
    }

    /// The gate's squeezed width, nil without a gate.
    private static func squeezeChannels(
        _ configuration: LayerConfiguration, _ expansion: Double
    ) throws -> Int? {
        if configuration.isNull("se_layer") { return nil }
        _ = try configuration.choice("se_layer", ["SqueezeExcite"])
        let inputs = try configuration.width(
            Double(configuration.int("in_chs")) * expansion, key: "exp_ratio")
        let hidden = Double(makeDivisible(inputs, by: 8))
        let width = try configuration.width(
            hidden * configuration.number("rd_ratio"), key: "rd_ratio")
        return Int(width.rounded(.toNearestOrEven))
    }
}
