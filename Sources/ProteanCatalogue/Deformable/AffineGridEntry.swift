import Protean

extension LayerEntry {
    static let affineGrid = LayerEntry(
        "AffineGrid", family: .deformable,
        reference: "torch.nn.functional.affine_grid",
        summary: .dynamic("the positions of samples, in maps and volumes"),
        papers: ["1506.02025"],
        keys: [.required("size", "[B, C, H, W] or [B, C, D, H, W] of the output"), .alignCorners],
        inputs: [.init("theta", "[B, 2, 3], or [B, 3, 4] for a volume")],
        outputs: [.init("y", "[B, H, W, 2], (x, y), or [B, D, H, W, 3], (x, y, z); any layout")],
        golden: ["affine_grid", "affine_grid_volume"],
        benchmark: .generic("affine_grid", "h=224 w=224") { sizes in
            LayerSample(
                ["size": [.number(Double(try sizes.batch)), 1, sizes["h"], sizes["w"]]],
                inputs: ["theta": .plain([try sizes.batch, 2, 3])])
        }
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
}
