/// The positions that an affine map gives to every output pixel; `torch.nn.functional.affine_grid`.
///
/// `theta` `[batch, 2, 3]`; output `[batch, height, width, 2]` for ``GridSample``. The identity is
/// (1, 0, 0; 0, 1, 0). See ``Operations/affineGrid(_:size:alignCorners:layer:)``.
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
}

extension Cost {
    static func affine(_ theta: Tensor, _ grid: Tensor) -> Cost {
        Cost(
            multiplyAdds: grid.count * 2,
            bytes: (theta.count + grid.count) * MemoryLayout<Float>.stride)
    }
}
