/// Warps each sample by an affine map: ``GridSample`` on an ``AffineGrid``.
///
/// `y = gridSample(x, affineGrid(theta))`. Jaderberg, Simonyan, Zisserman, Kavukcuoglu, "Spatial
/// Transformer Networks", arXiv 1506.02025. `x` `[batch, height, width, channels]`, `theta`
/// `[batch, 2, 3]` or `[batch, 6]`, in the paper the output of a small network on `x` whose last
/// layer starts with weights 0 and biases (1, 0, 0, 0, 1, 0), the identity. Output
/// `[batch, size.height, size.width, channels]`.
public struct SpatialTransformer: Module {
    /// How the map is sampled.
    public let sampler: GridSample

    /// PyTorch's defaults.
    public init(
        mode: GridMode = .bilinear, padding: GridPadding = .zeros, alignCorners: Bool = false
    ) {
        sampler = GridSample(mode: mode, padding: padding, alignCorners: alignCorners)
    }

    /// `x` warped by `theta`, to `size`, or to its own size if nil.
    ///
    /// - Throws: ``ProteanError`` when shapes do not fit.
    public func callAsFunction(
        _ x: Tensor, theta: Tensor, size: Size2d? = nil
    ) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: "SpatialTransformer")
        let rows = theta.rank == 2 && theta.shape[1] == 6
        let matrix = rows ? try theta.reshaped(to: [theta.shape[0], 2, 3]) : theta
        guard matrix.shape == [x.shape[0], 2, 3] else {
            throw .shapeMismatch(
                layer: "SpatialTransformer", tensor: "theta",
                expected: "[\(x.shape[0]), 2, 3] or [\(x.shape[0]), 6]", found: theta.shape)
        }
        let target = size ?? Size2d(height: x.shape[1], width: x.shape[2])
        let grid = try AffineGrid(alignCorners: sampler.alignCorners)(matrix, size: target)
        return try sampler(x, grid: grid)
    }
}
