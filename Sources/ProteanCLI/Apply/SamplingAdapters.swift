import Protean

/// Sampling at given positions.
enum SamplingAdapters {
    static let all = [gridSample, affineGrid, spatialTransformer, roiAlign]

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
            .init("x", "[B, C, H, W]"), .init("grid", "[B, H', W', 2], (x, y), in any layout"),
        ],
        outputs: [.init("y", "[B, C, H', W']")]
    ) { configuration in
        let layer = try sampler(configuration)
        return BuiltLayer(layer) { inputs in
            [.map("y", try layer(inputs.map("x"), grid: inputs.plain("grid")))]
        }
    }

    private static let affineGrid = LayerAdapter(
        "AffineGrid", reference: "torch.nn.functional.affine_grid",
        keys: [.required("size", "[B, C, H, W] of the output"), alignCorners],
        inputs: [.init("theta", "[B, 2, 3]")],
        outputs: [.init("y", "[B, H, W, 2], (x, y), in any layout")]
    ) { configuration in
        let size = try configuration.ints("size")
        guard size.count == 4 else { throw configuration.refusal("size", "four whole numbers") }
        let layer = AffineGrid(alignCorners: try configuration.bool("align_corners"))
        return BuiltLayer(layer) { inputs in
            let theta = try inputs.plain("theta")
            guard theta.shape.first == size[0] else {
                throw ProteanError.shapeMismatch(
                    layer: "AffineGrid", tensor: "theta", expected: "[\(size[0]), 2, 3]",
                    found: theta.shape)
            }
            let grid = try layer(theta, size: Size2d(height: size[2], width: size[3]))
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
}
