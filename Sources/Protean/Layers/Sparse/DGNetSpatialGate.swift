/// DGNet's spatial gate: decides on cells of `cellSize` × `cellSize` outputs where a block computes.
///
/// `s = conv3x3(pool(x))`, x averaged over ⌈output size / cellSize⌉ cells per axis; a cell is on where
/// `s ≥ 0`, and each output pixel takes its cell's mask (nearest). Li, Li, He, Cheng, "Dynamic Dual
/// Gating Neural Networks", ICCV 2021; inference form, without noise.
///
/// Input `[batch, height, width, channels]`; a mask of ⌈height / stride⌉ × ⌈width / stride⌉ pixels for
/// blocks such as ``DynConvBottleneck``. Parameters `atten_s.weight` `[1, channels, 3, 3]` and, with
/// `bias`, `atten_s.bias` `[1]`. Cost: one read of the map and 9 · channels multiply-adds per cell.
public final class DGNetSpatialGate: Module {
    /// Channels of the map.
    public let channels: Int
    /// Height and width of a cell in output pixels.
    public let cellSize: Int
    /// Stride of the block's spatial convolution.
    public let stride: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv2d

    /// A gate with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, cellSize: Int = 8, stride: Int = 1, bias: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        try CoarseMask.check("cellSize", cellSize, layer: "DGNetSpatialGate")
        try CoarseMask.check("stride", stride, layer: "DGNetSpatialGate")
        self.channels = channels
        self.cellSize = cellSize
        self.stride = stride
        conv = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: 3, padding: 1, bias: bias,
            algorithm: .direct, seed: seed)
    }

    /// `atten_s`.
    public var submodules: [NamedModule] { [NamedModule("atten_s", conv)] }

    /// The mask for the block's output on `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or carries no values.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> MaskPlan {
        try CoarseMask.checkMap(x, channels, layer: place)
        let input = Size2d(height: x.shape[1], width: x.shape[2])
        return try masks(for: x, output: CoarseMask.output(of: input, stride: stride)).pixels
    }

    /// The mask of the cells, and the mask of the pixels of an output of the given size.
    package func masks(
        for x: Tensor, output: Size2d
    ) throws(ProteanError) -> (cells: MaskPlan, pixels: MaskPlan) {
        try CoarseMask.checkMap(x, channels, layer: place)
        let size = CoarseMask.output(of: output, stride: cellSize)
        let pooled =
            size == Size2d(height: x.shape[1], width: x.shape[2])
            ? x : try Operations.adaptiveAvgPool2d(x, outputSize: size)
        let cells = try MaskPlan(try conv(pooled), active: .atLeast(0))
        return (cells, try CoarseMask.resized(cells, to: output))
    }
}
