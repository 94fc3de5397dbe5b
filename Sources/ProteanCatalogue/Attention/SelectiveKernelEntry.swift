import Protean

extension LayerEntry {
    static let selectiveKernel = LayerEntry(
        "SelectiveKernel", family: .attention,
        reference: "timm SelectiveKernel",
        summary: .dynamic("the weights of its branches, per channel"),
        papers: ["1903.06586"],
        keys: [
            .required("in_channels", "C", aliases: "inputChannels"),
            .optional("out_channels", .null, "O; null: C", aliases: "outputChannels"),
            .optional(
                "kernel_size", .array([3, 5]), "odd k per branch, or one k for two branches"),
            .optional("stride", 1, "step"),
            .optional("dilation", 1, "distance of taps"),
            .optional("groups", 1, "groups of the branches; at most O are used"),
            .optional("rd_ratio", .number(1.0 / 16), "squeezed width S over O"),
            .optional("rd_channels", .null, "S; null leaves it to rd_ratio"),
            .optional("rd_divisor", 8, "S is rounded to a multiple of this"),
            .optional(
                "keep_3x3", true, "3 x 3 with dilation (k - 1) / 2 in place of k x k, for k >= 3"),
            .optional("split_input", true, "branch i takes the i-th part of the channels"),
        ],
        weights: [
            .init("paths.<i>.conv.weight", "[O, C / branches / groups, k, k]"),
            .init("paths.<i>.bn.weight, bias, running_mean, running_var", "[O]"),
            .init("attn.fc_reduce.weight", "[S, O, 1, 1]"),
            .init("attn.bn.weight, bias, running_mean, running_var", "[S]"),
            .init("attn.fc_select.weight", "[branches * O, S, 1, 1], branch 0 first"),
        ],
        outputs: [.init("y", "[B, O, H', W']")],
        golden: ["selective_kernel", "selective_kernel_whole", "selective_kernel_one"],
        benchmark: .generic("selective_kernel", "h=28 w=28 c=128") { sizes in
            LayerSample(
                ["in_channels": sizes["c"], "out_channels": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let inputs = try configuration.int("in_channels")
        let outputs = try configuration.optionalInt("out_channels") ?? inputs
        let width = try configuration.width(
            Double(outputs) * configuration.number("rd_ratio"), key: "rd_ratio")
        let sizes: [Int]
        if case .number = configuration.value("kernel_size") {
            sizes = [Int](repeating: try configuration.int("kernel_size"), count: 2)
        } else {
            sizes = try configuration.ints("kernel_size")
        }
        return BuiltLayer(
            try SelectiveKernel(
                inputChannels: inputs, outputChannels: outputs,
                branches: .init(
                    kernelSizes: sizes, keeps3x3: configuration.bool("keep_3x3"),
                    splitsInput: configuration.bool("split_input")),
                stride: configuration.int("stride"), dilation: configuration.int("dilation"),
                groups: configuration.int("groups"),
                squeezeChannels: configuration.optionalInt("rd_channels")
                    ?? makeDivisible(width, by: configuration.positive("rd_divisor"))))
    }
}
