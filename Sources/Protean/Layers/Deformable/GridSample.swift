/// Samples a map or a volume at positions of a second input; `torch.nn.functional.grid_sample`.
///
/// `x` `[batch, height, width, channels]`, `grid` `[batch, height', width', 2]` with (gx, gy) in −1
/// … 1 from edge to edge; output `[batch, height', width', channels]`. A volume
/// `[batch, depth, height, width, channels]` takes a grid `[batch, depth', height', width', 3]` of
/// (gx, gy, gz) and gives `[batch, depth', height', width', channels]`. See
/// ``Operations/gridSample(_:grid:mode:padding:alignCorners:layer:)`` for the formula and for NaN
/// positions. Jaderberg et al., arXiv 1506.02025.
public struct GridSample: Module {
    /// The interpolation.
    public let mode: GridMode
    /// The values beyond the edges.
    public let padding: GridPadding
    /// Whether ±1 are the centres of the edge pixels or their outer edges.
    public let alignCorners: Bool

    /// PyTorch's defaults.
    public init(
        mode: GridMode = .bilinear, padding: GridPadding = .zeros, alignCorners: Bool = false
    ) {
        self.mode = mode
        self.padding = padding
        self.alignCorners = alignCorners
    }

    /// `x` at the positions of `grid`.
    ///
    /// - Throws: ``ProteanError`` when shapes do not fit, or for a volume with ``GridMode/bicubic``.
    public func callAsFunction(_ x: Tensor, grid: Tensor) throws(ProteanError) -> Tensor {
        try traced("GridSample", path: nil, input: x, cost: { .sampling(x, grid, $0, mode) }) {
            () throws(ProteanError) in
            try Operations.gridSample(
                x, grid: grid, mode: mode, padding: padding, alignCorners: alignCorners,
                layer: "GridSample")
        }
    }
}

extension Cost {
    static func sampling(_ x: Tensor, _ grid: Tensor, _ y: Tensor, _ mode: GridMode) -> Cost {
        let reads =
            switch mode {
            case .nearest: 0
            case .bilinear: x.rank == 5 ? 8 : 4
            case .bicubic: 16
            }
        return Cost(
            multiplyAdds: y.count * reads,
            bytes: (x.count + grid.count + y.count) * MemoryLayout<Float>.stride)
    }
}
