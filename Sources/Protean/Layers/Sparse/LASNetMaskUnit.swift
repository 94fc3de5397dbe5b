/// Decides on cells of `granularity` × `granularity` outputs at which pixels a block computes.
///
/// `keep, drop = conv1x1(pool(x))`, x averaged over ⌊output size / granularity⌋ cells per axis (not
/// averaged where the number of cells is the input's height or more); a cell is on where
/// `keep ≥ drop`, and each output pixel takes its cell's mask (nearest). Han, Yuan, Pu, Xue, Song,
/// Sun, Huang, "Latency-aware Spatial-wise Dynamic Networks", arXiv 2210.06223; inference form,
/// without Gumbel noise, one group.
///
/// Input `[batch, height, width, channels]`; a mask of ⌈height / stride⌉ × ⌈width / stride⌉ pixels for
/// blocks such as ``DynConvBottleneck``. Parameters `conv2.weight` `[2, channels, 1, 1]`,
/// `conv2.bias` `[2]`. Cost: one read of the map and two products per cell.
public final class LASNetMaskUnit: Module {
    /// Channels of the map.
    public let channels: Int
    /// Height and width of a cell in output pixels.
    public let granularity: Int
    /// Stride of the block's spatial convolution.
    public let stride: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv2d

    /// A unit with seeded initial weights and biases 5 and 0, so that all cells are on at first.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, granularity: Int, stride: Int = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        try CoarseMask.check("granularity", granularity, layer: "LASNetMaskUnit")
        try CoarseMask.check("stride", stride, layer: "LASNetMaskUnit")
        self.channels = channels
        self.granularity = granularity
        self.stride = stride
        conv = try Conv2d(
            inputChannels: channels, outputChannels: 2, kernelSize: 1, algorithm: .direct,
            seed: seed)
        try conv.bias?.set(Tensor([5, 0], shape: [2]))
    }

    /// `conv2`.
    public var submodules: [NamedModule] { [NamedModule("conv2", conv)] }

    /// The mask for the block's output on `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, carries no values, or the output is smaller than
    ///   a cell.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> MaskPlan {
        try CoarseMask.checkMap(x, channels, layer: place)
        let input = Size2d(height: x.shape[1], width: x.shape[2])
        let output = CoarseMask.output(of: input, stride: stride)
        let cells = Size2d(
            height: output.height / granularity, width: output.width / granularity)
        guard cells.height >= 1, cells.width >= 1 else {
            throw .invalidOption(
                layer: place, option: "granularity", expected: "at most the output's \(output)",
                found: "\(granularity)")
        }
        let pooled =
            cells.height < input.height || cells.width < input.width
            ? try Operations.adaptiveAvgPool2d(x, outputSize: cells) : x
        return try CoarseMask.resized(MaskPlan(firstWins: try conv(pooled)), to: output)
    }
}
