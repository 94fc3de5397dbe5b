import Protean

extension LayerEntry {
    static let lasNetMaskUnit = LayerEntry(
        "LASNetMaskUnit", family: .sparse,
        reference: "LASNet Masker in inference, the mask before its dilation",
        summary: .dynamic("the mask that a block computes under"),
        papers: ["2210.06223"],
        keys: [
            .required("in_channels", "channels C", aliases: "inputChannels", "channels"),
            .optional("mask_channel_group", 1, "1"),
            .required("mask_size", "cells m, or [mh, mw]"),
            .optional("feature_size", 32, "height and width f of the block's output, or [fh, fw]"),
            .optional("dilate_stride", 1, "stride s of the block; the input is s times as large"),
        ],
        weights: [.init("conv2.weight, conv2.bias", "[2, C, 1, 1], [2]")], outputs: [.decidedMask],
        golden: ["lasnet_mask", "lasnet_mask_strided"],
        benchmark: .generic("lasnet_mask_unit", "h=56 w=56 c=64 scope=8") { sizes in
            LayerSample(
                [
                    "in_channels": sizes["c"], "mask_size": sizes["scope"],
                    "feature_size": [sizes["h"], sizes["w"]],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        try configuration.require("mask_channel_group", 1)
        let (cells, output) = (
            try configuration.size("mask_size"), try configuration.size("feature_size")
        )
        guard cells.height >= 1, cells.width >= 1 else {
            throw configuration.refusal("mask_size", "at least 1")
        }
        // The largest granularity that gives this number of cells.
        let granularity = output.height / cells.height
        guard granularity >= 1, output.height / granularity == cells.height,
            output.width / granularity == cells.width
        else {
            throw configuration.refusal(
                "mask_size", "the feature size over a whole number, rounded down")
        }
        let layer = try LASNetMaskUnit(
            channels: configuration.positive("in_channels"), granularity: granularity,
            stride: configuration.positive("dilate_stride"))
        return BuiltLayer(layer) { inputs in
            let mask = try layer(try inputs.map("x"))
            guard mask.size == output else {
                throw configuration.refusal("feature_size", "the output's size, \(mask.size)")
            }
            return [.map("y", try mask.mask())]
        }
    }
}
