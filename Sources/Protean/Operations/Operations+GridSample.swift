import CProteanKernels

/// The interpolation of a map between its pixels.
public enum GridMode: String, Sendable, CaseIterable {
    /// A weighted mean of the four pixels around the position, in volumes of the eight voxels.
    case bilinear
    /// The nearest pixel; ties go to the even one.
    case nearest
    /// Cubic convolution with a = −0.75 over 4 × 4 pixels; maps only.
    case bicubic

    var kernelValue: ptn_grid_mode {
        switch self {
        case .bilinear: PTN_GRID_BILINEAR
        case .nearest: PTN_GRID_NEAREST
        case .bicubic: PTN_GRID_BICUBIC
        }
    }
}

/// The values of a sampled map beyond its edges.
public enum GridPadding: String, Sendable, CaseIterable {
    /// Zeros.
    case zeros
    /// The nearest pixel of the edge.
    case border
    /// Its mirror image: about the centres of the edge pixels when corners are aligned, about their
    /// outer edges otherwise.
    case reflection

    var kernelValue: ptn_grid_padding {
        switch self {
        case .zeros: PTN_GRID_ZEROS
        case .border: PTN_GRID_BORDER
        case .reflection: PTN_GRID_REFLECTION
        }
    }
}

extension Operations {
    /// Samples a map or a volume at given positions, as `torch.nn.functional.grid_sample`.
    ///
    /// A position (gx, gy) is −1 at the left and upper edge and 1 at the right and lower one:
    /// p = (g + 1) / 2 · (size − 1) with aligned corners, ((g + 1) · size − 1) / 2 without. NaN
    /// gives NaN (nearest: 0) with zeros and with bicubic sampling, and pixel 0 otherwise. Cost: 4,
    /// 1 or 16 reads per output, of a volume 8 or 1.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`, at least one pixel, or
    ///     `[batch, depth, height, width, channels]`, at least one voxel.
    ///   - grid: `[batch, height', width', 2]`: gx along the width, then gy; for a volume
    ///     `[batch, depth', height', width', 3]`: gx, gy, then gz along the depth.
    ///   - mode: the interpolation; not bicubic for volumes, as in PyTorch.
    ///   - padding: the values beyond the edges.
    ///   - alignCorners: whether ±1 are the centres of the edge pixels or their outer edges.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', channels]`, or with depth' after the batch.
    /// - Throws: ``ProteanError`` when shapes or the mode do not fit, or memory is short.
    public static func gridSample(
        _ x: Tensor, grid: Tensor, mode: GridMode = .bilinear, padding: GridPadding = .zeros,
        alignCorners: Bool = false, layer: String = "gridSample"
    ) throws(ProteanError) -> Tensor {
        if x.rank == 5 {
            return try gridSampleVolume(
                x, grid: grid, mode: mode, padding: padding, alignCorners: alignCorners,
                layer: layer)
        }
        try checkMap(x, pixels: true, layer: layer)
        guard grid.rank == 4, grid.shape[0] == x.shape[0], grid.shape[3] == 2 else {
            throw .shapeMismatch(
                layer: layer, tensor: "grid",
                expected: "[\(x.shape[0]), height', width', 2]", found: grid.shape)
        }
        var shape = ptn_grid_sample_shape()
        (shape.n, shape.h, shape.w, shape.c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        (shape.out_h, shape.out_w) = (grid.shape[1], grid.shape[2])
        shape.mode = mode.kernelValue
        shape.padding = padding.kernelValue
        shape.align_corners = alignCorners
        let output = [x.shape[0], grid.shape[1], grid.shape[2], x.shape[3]]
        return try filling(output, for: layer, from: [x, grid]) { runtime, inputs, y in
            ptn_grid_sample(runtime, &shape, inputs[0], inputs[1], y)
        }
    }

    /// The positions that an affine map gives to every output pixel, as
    /// `torch.nn.functional.affine_grid`: (gx, gy) = θ · (bx, by, 1).
    ///
    /// bx runs from −1 to 1 over the columns: centres of the edge pixels with aligned corners,
    /// times (width − 1) / width without; 0 for a single column. by likewise.
    /// - Parameters:
    ///   - theta: `[batch, 2, 3]`.
    ///   - size: height and width of the output.
    ///   - alignCorners: as for ``gridSample(_:grid:mode:padding:alignCorners:layer:)``.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, size.height, size.width, 2]`.
    /// - Throws: ``ProteanError`` when shapes do not fit or memory is short.
    public static func affineGrid(
        _ theta: Tensor, size: Size2d, alignCorners: Bool = false, layer: String = "affineGrid"
    ) throws(ProteanError) -> Tensor {
        guard theta.rank == 3, Array(theta.shape[1...]) == [2, 3] else {
            throw .shapeMismatch(
                layer: layer, tensor: "theta", expected: "[batch, 2, 3]", found: theta.shape)
        }
        try size.check(atLeast: 0, layer: layer, option: "size")
        let output = [theta.shape[0], size.height, size.width, 2]
        return try filling(output, for: layer, from: [theta]) { runtime, inputs, grid in
            ptn_affine_grid(
                runtime, output[0], output[1], output[2], alignCorners, inputs[0], grid)
        }
    }
}
