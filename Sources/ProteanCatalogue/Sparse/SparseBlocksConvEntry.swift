import Protean

extension LayerEntry {
    static let sparseBlocksConv = LayerEntry(
        "SparseBlocksConv", family: .sparse,
        reference:
            "SBNet: reduce_mask, sparse_gather, a convolution without padding, sparse_scatter",
        summary: .dynamic("which tiles are computed"),
        papers: ["1801.02108"],
        keys: ConfigurationKey.convolutionWithBias + [
            .required("bsize", "height and width of a block: b or [bh, bw]", aliases: "blockSize"),
            .optional("tol", .number(0.5), "a block counts where the mask in it is above this"),
            .optional("avgpool", false, "the mean of the mask in a block instead of its maximum"),
            .optional("add", false, "add results to the base instead of replacing it"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("mask", "[B, 1, H, W]"),
            .init("base", "[B, O, H', W']; zeros without it", optional: true),
        ],
        weights: TensorDescription.convolution,
        golden: ["sparse_blocks", "sparse_blocks_add", "sparse_blocks_average"],
        benchmark: .generic("sparse_blocks_conv", "h=56 w=56 c=64 k=64 r=3 density=0.1") { sizes in
            LayerSample(
                try sizes.convolution.merging(["bsize": 8]) { $1 },
                inputs: [
                    "x": .map(try sizes.map),
                    "mask": .mask(try sizes.mask, density: try sizes.number("density"), cell: 8),
                ])
        }
    ) { configuration in
        let layer = try SparseBlocksConv(
            try configuration.conv2d(padding: .valid), blockSize: configuration.size("bsize"),
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
}
