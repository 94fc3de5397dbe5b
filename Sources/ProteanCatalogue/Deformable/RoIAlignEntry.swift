import Protean

extension LayerEntry {
    static let roiAlign = LayerEntry(
        "RoIAlign", family: .deformable,
        reference: "torchvision.ops.RoIAlign",
        summary: .dynamic("the positions of samples, in maps and volumes"),
        papers: ["1703.06870"],
        keys: [
            .required("output_size", "bins, n or [nh, nw]"),
            .required("spatial_scale", "pixels of the map per unit of the boxes"),
            .required("sampling_ratio", "points of a bin along each axis; 0: by the box's size"),
            .optional("aligned", false, "whether boxes are shifted by half a pixel"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("boxes", "[K, 5], (sample, x1, y1, x2, y2)"),
        ],
        outputs: [.init("y", "[K, C, nh, nw]")],
        golden: ["roi_align"],
        benchmark: .generic("roi_align", "h=50 w=68 c=256 r=7 boxes=64") { sizes in
            LayerSample(
                ["output_size": sizes["r"], "spatial_scale": 1, "sampling_ratio": 2],
                inputs: [
                    "x": .map(try sizes.map),
                    "boxes": .boxes(try sizes.int("boxes"), on: try sizes.map),
                ])
        }
    ) { configuration in
        let layer = try RoIAlign(
            size: configuration.size("output_size"),
            scale: Float(configuration.number("spatial_scale")),
            samplingRatio: max(0, configuration.int("sampling_ratio")),
            aligned: configuration.bool("aligned"))
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), boxes: inputs.plain("boxes")))]
        }
    }
}
