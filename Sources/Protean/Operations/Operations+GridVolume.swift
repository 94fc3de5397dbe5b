import CProteanKernels

extension Operations {
    /// ``gridSample(_:grid:mode:padding:alignCorners:layer:)`` for volumes.
    static func gridSampleVolume(
        _ x: Tensor, grid: Tensor, mode: GridMode, padding: GridPadding, alignCorners: Bool,
        layer: String
    ) throws(ProteanError) -> Tensor {
        guard mode != .bicubic else {
            throw .invalidOption(
                layer: layer, option: "mode",
                expected: "bilinear or nearest for volumes (x has five axes)", found: "bicubic")
        }
        guard x.shape[1...3].allSatisfy({ $0 > 0 }) else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "at least one voxel", found: x.shape)
        }
        guard grid.rank == 5, grid.shape[0] == x.shape[0], grid.shape[4] == 3 else {
            throw .shapeMismatch(
                layer: layer, tensor: "grid",
                expected: "[\(x.shape[0]), depth', height', width', 3]", found: grid.shape)
        }
        var shape = ptn_grid_volume_shape()
        (shape.n, shape.d, shape.h, shape.w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        shape.c = x.shape[4]
        (shape.out_d, shape.out_h, shape.out_w) = (grid.shape[1], grid.shape[2], grid.shape[3])
        shape.mode = mode.kernelValue
        shape.padding = padding.kernelValue
        shape.align_corners = alignCorners
        let output = Array(grid.shape[..<4]) + [x.shape[4]]
        return try filling(output, for: layer, from: [x, grid]) { runtime, inputs, y in
            ptn_grid_sample_volume(runtime, &shape, inputs[0], inputs[1], y)
        }
    }

    /// The positions that an affine map gives to every voxel of a volume, as
    /// `torch.nn.functional.affine_grid`: (gx, gy, gz) = θ · (bx, by, bz, 1).
    ///
    /// bx, by and bz are each defined like bx for a map.
    /// - Parameters:
    ///   - theta: `[batch, 3, 4]`.
    ///   - size: depth, height and width of the output.
    ///   - alignCorners: as for ``gridSample(_:grid:mode:padding:alignCorners:layer:)``.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, size.depth, size.height, size.width, 3]`.
    /// - Throws: ``ProteanError`` when shapes do not fit or memory is short.
    public static func affineGrid(
        _ theta: Tensor, size: Size3d, alignCorners: Bool = false, layer: String = "affineGrid"
    ) throws(ProteanError) -> Tensor {
        guard theta.rank == 3, Array(theta.shape[1...]) == [3, 4] else {
            throw .shapeMismatch(
                layer: layer, tensor: "theta", expected: "[batch, 3, 4]", found: theta.shape)
        }
        try size.check(atLeast: 0, layer: layer, option: "size")
        let output = [theta.shape[0], size.depth, size.height, size.width, 3]
        return try filling(output, for: layer, from: [theta]) { runtime, inputs, grid in
            ptn_affine_grid_volume(
                runtime, output[0], output[1], output[2], output[3], alignCorners, inputs[0], grid)
        }
    }
}
