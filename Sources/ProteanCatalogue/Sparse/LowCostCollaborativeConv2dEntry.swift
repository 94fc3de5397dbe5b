import Protean

extension LayerEntry {
    static let lowCostCollaborativeConv2d = LayerEntry(
        "LowCostCollaborativeConv2d", family: .sparse,
        reference: "LCCL in inference: relu(bn(conv(x))) times relu(lc_bn(lc_conv(x)))",
        summary: .dynamic(
            "which outputs are computed; the others are copied, zero or interpolated"),
        papers: ["1703.08651"],
        keys: [
            .required("in_channels", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_channels", "output channels O", aliases: "outputChannels"),
            .optional("kernel_size", 3, "k or [kh, kw], odd"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("low_cost", "shared", "\"shared\": one filter; \"pointwise\": 1 x 1 filters"),
            .optional("low_cost_kernel_size", 3, "of the shared filter: k or [kh, kw], odd"),
        ],
        weights: [
            .init("conv.weight, bn.*", "[O, C, kh, kw], [O]"),
            .init("lc_conv.weight, lc_bn.*", "[1, C, kh, kw] or [O, C, 1, 1], [1] or [O]"),
        ],
        golden: ["low_cost", "low_cost_options", "low_cost_pointwise"],
        benchmark: .generic("low_cost_collaborative_conv2d", "h=28 w=28 c=64 k=64 r=3") { sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "out_channels": sizes["k"],
                    "kernel_size": sizes["r"],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let shared = try configuration.choice("low_cost", ["shared", "pointwise"]) == "shared"
        let size = try configuration.size("low_cost_kernel_size")
        guard size.height % 2 == 1, size.width % 2 == 1 else {
            throw configuration.refusal("low_cost_kernel_size", "odd sizes")
        }
        return BuiltLayer(
            try LowCostCollaborativeConv2d(
                inputChannels: configuration.int("in_channels"),
                outputChannels: configuration.int("out_channels"),
                kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
                lowCost: shared ? .shared(kernelSize: size) : .pointwise))
    }
}
