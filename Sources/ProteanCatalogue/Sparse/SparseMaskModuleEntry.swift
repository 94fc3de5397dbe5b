import Protean

extension LayerEntry {
    static let sparseMaskModule = LayerEntry(
        "SparseMaskModule", family: .sparse,
        reference: "SMSR SMM, in inference",
        summary: .dynamic("which pixels and channels are computed (SMSR)"),
        papers: ["2006.09603"], keys: ConfigurationKey.sparseMask,
        weights: [
            .init("spa_mask.0.weight, .bias", "[C/4, C, 3, 3], [C/4]"),
            .init("spa_mask.3.weight, .bias", "[C/4, C/4, 3, 3], [C/4]"),
            .init("spa_mask.5.weight, .bias", "[C/4, 2, 3, 3], [2]"),
            .init("body.*", "as of SparseMaskBlock, L = 4"),
            .init("ca.conv_du.0.weight, .bias", "[C/16, C, 1, 1], [C/16]"),
            .init("ca.conv_du.2.weight, .bias", "[C, C/16, 1, 1], [C]"),
        ],
        outputs: [.init("y", "[B, C, H, W]"), .init("mask", "[B, 1, H, W]")],
        golden: ["sparse_mask_module", "sparse_mask_module_odd"],
        benchmark: .generic("sparse_mask_module", "h=64 w=64 c=64") { sizes in
            LayerSample(
                ["in_channels": sizes["c"], "out_channels": sizes["c"]],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        let layer = try SparseMaskModule(channels: configuration.sparseMaskChannels())
        return BuiltLayer(layer) { inputs in
            let x = try inputs.map("x")
            let mask = try layer.mask(for: x)
            return [.map("y", try layer(x, mask: mask)), .map("mask", try mask.mask())]
        }
    }
}
