import Protean

extension LayerEntry {
    static let sparseMaskBlock = LayerEntry(
        "SparseMaskBlock", family: .sparse,
        reference: "SMSR SMB, in inference",
        summary: .dynamic("which pixels and channels are computed (SMSR)"),
        papers: ["2006.09603"],
        keys: ConfigurationKey.sparseMask + [
            .optional("n_layers", 4, "3 x 3 convolutions L", aliases: "layers")
        ],
        inputs: [.init("x", "[B, C, H, W]"), .init("mask", "[B, 1, H, W], not 0: active")],
        weights: [
            .init("ch_mask", "[1, C, L, 2]"),
            .init("body.i.weight", "[C, C, 3, 3], i = 0 ... L - 1"),
            .init("collect.weight, collect.bias", "[C, L * C, 1, 1], [C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]")],
        golden: [
            "sparse_mask_block", "sparse_mask_block_all_dense", "sparse_mask_block_batch",
            "sparse_mask_block_full",
        ],
        benchmark: .generic("sparse_mask_block", "h=64 w=64 c=64 density=0.3") { sizes in
            LayerSample(
                ["in_channels": sizes["c"], "out_channels": sizes["c"]],
                inputs: [
                    "x": .map(try sizes.map),
                    "mask": .mask(try sizes.mask, density: try sizes.number("density")),
                ])
        }
    ) { configuration in
        let layer = try SparseMaskBlock(
            channels: configuration.sparseMaskChannels(), layers: configuration.int("n_layers"))
        return BuiltLayer(layer) { inputs in
            let plan = try MaskPlan(try inputs.map("mask"))
            return [.map("y", try layer(try inputs.map("x"), mask: plan))]
        }
    }
}
