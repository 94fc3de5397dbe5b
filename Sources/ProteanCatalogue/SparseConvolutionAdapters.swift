import Protean

/// Convolutions that compute some of their outputs.
enum SparseConvolutionAdapters {
    static let all = [sparseBlocksConv, perforatedConv2d, lowCostCollaborativeConv2d]

    /// Keys of `torch.nn.Conv2d` that ``conv(_:padding:)`` reads.
    static let convolution = ConfigurationKey.convolution + [.bias(true)]
    static let weights: [LayerAdapter.TensorDescription] = [
        .init("weight", "[O, C/g, kh, kw]"), .init("bias", "[O]", optional: true),
    ]

    static func conv(
        _ configuration: LayerConfiguration, padding: Padding2d? = nil
    ) throws -> Conv2d {
        try Conv2d(
            inputChannels: configuration.int("in_channels"),
            outputChannels: configuration.int("out_channels"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: padding ?? configuration.padding("padding"),
            dilation: configuration.size("dilation"), groups: configuration.int("groups"),
            bias: configuration.bool("bias"))
    }

    private static let sparseBlocksConv = LayerAdapter(
        "SparseBlocksConv",
        reference:
            "SBNet: reduce_mask, sparse_gather, a convolution without padding, sparse_scatter",
        keys: convolution + [
            .required("bsize", "height and width of a block: b or [bh, bw]"),
            .optional("tol", .number(0.5), "a block counts where the mask in it is above this"),
            .optional("avgpool", false, "the mean of the mask in a block instead of its maximum"),
            .optional("add", false, "add results to the base instead of replacing it"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("mask", "[B, 1, H, W]"),
            .init("base", "[B, O, H', W']; zeros without it", optional: true),
        ],
        weights: weights
    ) { configuration in
        let layer = try SparseBlocksConv(
            try conv(configuration, padding: .valid), blockSize: configuration.size("bsize"),
            stride: configuration.size("stride"), padding: configuration.padding("padding"),
            adds: configuration.bool("add"))
        let threshold = Float(try configuration.number("tol"))
        let averages = try configuration.bool("avgpool")
        return BuiltLayer(layer, keyMap: KeyMap { "body." + $0 }) { inputs in
            let (x, mask) = (try inputs.map("x"), try inputs.map("mask"))
            let grid = try layer.grid(for: x.shape)
            let blocks =
                averages
                ? try SparseBlocks(averaging: mask, above: threshold, grid: grid)
                : try SparseBlocks(MaskPlan(mask, active: .above(threshold)), grid: grid)
            return [.map("y", try layer(x, blocks: blocks, base: inputs.optionalMap("base")))]
        }
    }

    private static let perforatedConv2d = LayerAdapter(
        "PerforatedConv2d",
        reference: "PerforatedCNNs: torch.nn.Conv2d, outputs of the nearest point",
        keys: convolution + [
            .optional("mask", "given", "\"given\", \"impact\" or \"pooling_structure\""),
            .optional("rate", .null, "share of computed outputs, unless the mask is given"),
            .optional("pool_size", 2, "window of the pooling layer behind: k or [kh, kw]"),
            .optional("pool_stride", 2, "its stride: s or [sh, sw]"),
            .optional("pool_padding", 0, "its padding: p or [ph, pw]"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("mask", "[H', W'], not 0: computed", optional: true),
            .init("scores", "[H', W'], for \"impact\"", optional: true),
        ],
        weights: weights
    ) { configuration in
        let conv = try conv(configuration)
        let kind = try configuration.choice("mask", ["given", "impact", "pooling_structure"])
        if kind == "given" { try configuration.require("rate", .null) }
        let rate = kind == "given" ? 1 : try configuration.number("rate")
        let window = PoolWindow(
            kernelSize: try configuration.size("pool_size"),
            stride: try configuration.size("pool_stride"),
            padding: try configuration.size("pool_padding"))
        let structure = PerforationMask.poolingStructure(rate: rate, window: window)
        // Refuses the options before there are inputs.
        _ = try PerforatedConv2d(conv, mask: structure)
        return BuiltLayer(conv) { inputs in
            let mask: PerforationMask =
                switch kind {
                case "given": .given(try inputs.plain("mask"))
                case "impact": .impact(rate: rate, scores: try inputs.plain("scores"))
                default: structure
                }
            return [.map("y", try PerforatedConv2d(conv, mask: mask)(try inputs.map("x")))]
        }
    }

    private static let lowCostCollaborativeConv2d = LayerAdapter(
        "LowCostCollaborativeConv2d",
        reference: "LCCL in inference: relu(bn(conv(x))) times relu(lc_bn(lc_conv(x)))",
        keys: [
            .required("in_channels", "input channels C"),
            .required("out_channels", "output channels O"),
            .optional("kernel_size", 3, "k or [kh, kw], odd"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("low_cost", "shared", "\"shared\": one filter; \"pointwise\": 1 x 1 filters"),
            .optional("low_cost_kernel_size", 3, "of the shared filter: k or [kh, kw], odd"),
        ],
        weights: [
            .init("conv.weight, bn.*", "[O, C, kh, kw], [O]"),
            .init("lc_conv.weight, lc_bn.*", "[1, C, kh, kw] or [O, C, 1, 1], [1] or [O]"),
        ]
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
