/// The positions that an affine map gives to every output pixel; `torch.nn.functional.affine_grid`.
///
/// `theta` `[batch, 2, 3]`; output `[batch, height, width, 2]` for ``GridSample``. The identity is
/// (1, 0, 0; 0, 1, 0). For a volume `theta` is `[batch, 3, 4]` and the output
/// `[batch, depth, height, width, 3]`. See `Operations.affineGrid`.
public struct AffineGrid: Module {
    /// Whether ±1 are the centres of the edge pixels or their outer edges; must agree with the
    /// ``GridSample`` that follows.
    public let alignCorners: Bool

    /// PyTorch's default.
    public init(alignCorners: Bool = false) { self.alignCorners = alignCorners }

    /// The grid of an output of `size`.
    ///
    /// - Throws: ``ProteanError`` when `theta` does not fit.
    public func callAsFunction(_ theta: Tensor, size: Size2d) throws(ProteanError) -> Tensor {
        try traced("AffineGrid", path: nil, input: theta, cost: { .affine(theta, $0) }) {
            () throws(ProteanError) in
            try Operations.affineGrid(
                theta, size: size, alignCorners: alignCorners, layer: "AffineGrid")
        }
    }

    /// The grid of a volume of `size`, from `theta` `[batch, 3, 4]`.
    ///
    /// - Throws: ``ProteanError`` when `theta` does not fit.
    public func callAsFunction(_ theta: Tensor, size: Size3d) throws(ProteanError) -> Tensor {
        try traced("AffineGrid", path: nil, input: theta, cost: { .affine(theta, $0) }) {
            () throws(ProteanError) in
            try Operations.affineGrid(
                theta, size: size, alignCorners: alignCorners, layer: "AffineGrid")
        }
    }
}

extension Cost {
    static func affine(_ theta: Tensor, _ grid: Tensor) -> Cost {
        Cost(
            multiplyAdds: grid.count * (theta.shape[2] - 1),
            bytes: (theta.count + grid.count) * MemoryLayout<Float>.stride)
    }
}
