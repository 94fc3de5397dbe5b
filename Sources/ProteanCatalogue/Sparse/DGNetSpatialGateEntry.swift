import Protean

extension LayerEntry {
    static let dgNetSpatialGate = LayerEntry(
        "DGNetSpatialGate", family: .sparse,
        reference: "DGNet Mask_s and its block's upsampling, in inference",
        summary: .dynamic("the mask that a block computes under"),
        keys: [
            .required("h", "height H' of the block's output"),
            .required("w", "width W' of the block's output"),
            .required("planes", "channels C", aliases: "channels"),
            .required("block_w", "columns of outputs in a cell"),
            .required("block_h", "rows of outputs in a cell; as many as columns"),
            .optional(
                "eps", .number(0.66667), "temperature of the noise; for training only",
                aliases: "epsilon"),
            .optional("bias", -1, "initial bias; below 0: there is none"),
        ],
        weights: [
            .init("atten_s.weight", "[1, C, 3, 3]"), .init("atten_s.bias", "[1]", optional: true),
        ],
        outputs: [
            .decidedMask, .init("mask_s", "[B, 1, H'/block_h, W'/block_w], rounded up: the cells'"),
        ],
        golden: ["dgnet_gate", "dgnet_gate_bias"],
        benchmark: .generic("dgnet_spatial_gate", "h=56 w=56 c=64 scope=8") { sizes in
            LayerSample(
                [
                    "h": sizes["h"], "w": sizes["w"], "planes": sizes["c"],
                    "block_w": sizes["scope"], "block_h": sizes["scope"],
                ],
                inputs: ["x": .map(try sizes.map)])
        }
    ) { configuration in
        _ = try configuration.number("eps")
        let cell = try configuration.positive("block_w")
        try configuration.require("block_h", .number(Double(cell)))
        let output = Size2d(
            height: try configuration.length("h"), width: try configuration.length("w"))
        let layer = try DGNetSpatialGate(
            channels: configuration.positive("planes"), cellSize: cell,
            bias: configuration.number("bias") >= 0)
        return BuiltLayer(layer) { inputs in
            let masks = try layer.masks(for: inputs.map("x"), output: output)
            return [
                .map("y", try masks.pixels.mask()), .map("mask_s", try masks.cells.mask()),
            ]
        }
    }
}
