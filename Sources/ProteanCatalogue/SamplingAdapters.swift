import Protean

/// Sampling at given positions.
enum SamplingAdapters {
    static let all = [gridSample, affineGrid, spatialTransformer, roiAlign, deformRoIPool]

    private static let samplerKeys: [ConfigurationKey] = [
        .optional("mode", "bilinear", "\"bilinear\", \"nearest\" or \"bicubic\""),
        .optional("padding_mode", "zeros", "\"zeros\", \"border\" or \"reflection\""),
        alignCorners,
    ]

    private static let alignCorners = ConfigurationKey.optional(
        "align_corners", false, "whether -1 and 1 are centres of pixels or their outer edges")

    private static func sampler(_ configuration: LayerConfiguration) throws -> GridSample {
        GridSample(
            mode: try configuration.choice("mode", of: GridMode.self),
            padding: try configuration.choice("padding_mode", of: GridPadding.self),
            alignCorners: try configuration.bool("align_corners"))
    }

    private static let gridSample = LayerAdapter(
        "GridSample", reference: "torch.nn.functional.grid_sample", keys: samplerKeys,
        inputs: [
            .init("x", "[B, C, H, W] or [B, C, D, H, W]"),
            .init("grid", "[B, H', W', 2], (x, y), or [B, D', H', W', 3], (x, y, z); any layout"),
        ],
        outputs: [.init("y", "[B, C, H', W'] or [B, C, D', H', W']")]
    ) { configuration in
        let layer = try sampler(configuration)
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.mapOrVolume("x"), grid: inputs.plain("grid")))]
        }
    }

    private static let affineGrid = LayerAdapter(
        "AffineGrid", reference: "torch.nn.functional.affine_grid",
        keys: [.required("size", "[B, C, H, W] or [B, C, D, H, W] of the output"), alignCorners],
        inputs: [.init("theta", "[B, 2, 3], or [B, 3, 4] for a volume")],
        outputs: [.init("y", "[B, H, W, 2], (x, y), or [B, D, H, W, 3], (x, y, z); any layout")]
    ) { configuration in
        let size = try configuration.ints("size")
        guard size.count == 4 || size.count == 5 else {
            throw configuration.refusal("size", "four or five whole numbers")
        }
        let layer = AffineGrid(alignCorners: try configuration.bool("align_corners"))
        return BuiltLayer(layer) { inputs in
            let theta = try inputs.plain("theta")
            guard theta.shape.first == size[0] else {
                throw ProteanError.shapeMismatch(
                    layer: "AffineGrid", tensor: "theta",
                    expected: size.count == 4 ? "[\(size[0]), 2, 3]" : "[\(size[0]), 3, 4]",
                    found: theta.shape)
            }
            let grid =
                size.count == 4
                ? try layer(theta, size: Size2d(height: size[2], width: size[3]))
                : try layer(theta, size: Size3d(depth: size[2], height: size[3], width: size[4]))
            return [.plain("y", grid)]
        }
    }

    private static let spatialTransformer = LayerAdapter(
        "SpatialTransformer",
        reference: "torch.nn.functional.affine_grid, then grid_sample", keys: samplerKeys,
        inputs: [.init("x", "[B, C, H, W]"), .init("theta", "[B, 2, 3]")],
        outputs: [.init("y", "[B, C, H, W]")]
    ) { configuration in
        let sampler = try sampler(configuration)
        let layer = SpatialTransformer(
            mode: sampler.mode, padding: sampler.padding, alignCorners: sampler.alignCorners)
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), theta: inputs.plain("theta")))]
        }
    }

    private static let roiAlign = LayerAdapter(
        "RoIAlign", reference: "torchvision.ops.RoIAlign",
        keys: [
            .required("output_size", "bins, n or [nh, nw]"),
            .required("spatial_scale", "pixels of the map per unit of the boxes"),
            .required("sampling_ratio", "points of a bin along each axis; 0: by the box's size"),
            .optional("aligned", false, "whether boxes are shifted by half a pixel"),
        ],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("boxes", "[K, 5], (sample, x1, y1, x2, y2)"),
        ],
        outputs: [.init("y", "[K, C, nh, nw]")]
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

    private static let deformRoIPool = LayerAdapter(
        "DeformRoIPool", reference: "mmcv DeformRoIPool",
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
        outputs: [.init("y", "[K, C, nh, nw]")]
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
