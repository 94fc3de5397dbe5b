import Protean

extension LayerEntry {
    static let deformRoIPool = LayerEntry(
        "DeformRoIPool", family: .deformable,
        reference: "mmcv DeformRoIPool",
        summary: .dynamic("the positions of samples, in maps and volumes"),
        papers: ["1703.06211"],
        keys: [
            .required("output_size", "bins, n or [nh, nw]"),
            .optional("spatial_scale", 1, "pixels of the map per unit of the boxes"),
            .optional("sampling_ratio", 0, "points of a bin along each axis; 0: by the box's size"),
            .optional("gamma", .number(0.1), "factor of the offsets"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("rois", "[K, 5], (sample, x1, y1, x2, y2)"),
            .init("offset", "[K, 2, nh, nw], (x, y)", optional: true),
        ],
        outputs: [.init("y", "[K, C, nh, nw]")],
        golden: ["deform_roi_pool", "deform_roi_pool_options", "deform_roi_pool_plain"],
        benchmark: .kernel("deform_roi_pool", "h=50 w=68 c=256 r=7 boxes=64")
    ) { configuration in
        let layer = try DeformRoIPool(
            size: configuration.size("output_size"),
            scale: Float(configuration.number("spatial_scale")),
            samplingRatio: max(0, configuration.int("sampling_ratio")),
            gamma: Float(configuration.number("gamma")))
        return BuiltLayer(layer) { inputs in
            let (x, boxes) = try (inputs.map("x"), inputs.plain("rois"))
            return [.map("y", try layer(x, boxes: boxes, offset: inputs.optionalMap("offset")))]
        }
    }
}
