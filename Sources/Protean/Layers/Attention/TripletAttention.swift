/// Triplet attention: the mean of three gates, each from the map's statistics along one axis.
///
/// `y = x · (g_hw + g_cw + g_hc) / 3`, where each gate is `sigmoid(BN(conv([max, mean])))`, maximum
/// and mean taken over the channels, over the height or over the width, and a convolution of 7 × 7
/// along the two axes that are left. Misra, Nalamada, Arasanipalai, Hou, "Rotate to Attend:
/// Convolutional Triplet Attention Module", WACV 2021, arXiv 2010.03045.
///
/// Input and output `[batch, height, width, channels]`, at least one pixel; any number of channels.
/// Cost: 2 · kernelSize² multiply-adds for each pixel, each row's and each column's channel; the
/// map is read once for all statistics, and once, with one write, for all gates. The reference
/// permutes the map four times.
public final class TripletAttention: AxisGate {
    /// The names of parameters.
    public enum Variant: String, Sendable, CaseIterable {
        /// `cw.conv`, `hc.conv`, `hw.conv`, as in the authors' module today.
        case current
        /// `ChannelGateH.spatial`, `ChannelGateW.spatial`, `SpatialGate.spatial`, as in their
        /// networks.
        case original
    }

    /// The names of parameters.
    public let variant: Variant
    /// Height and width of the convolutions, odd.
    public let kernelSize: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let channelsByWidth, heightByChannels: PlaneConvolution
    private let pixels: PlaneConvolution?

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - variant: the names of parameters.
    ///   - kernelSize: height and width of the convolutions, odd.
    ///   - isSpatial: whether there is a gate per pixel; without it y is the mean of the other two.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        variant: Variant = .current, kernelSize: Int = 7, isSpatial: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        self.variant = variant
        self.kernelSize = kernelSize
        func gate(
            _ index: UInt64, transposed: Bool = false
        ) throws(ProteanError) -> PlaneConvolution {
            try PlaneConvolution(
                size: kernelSize, order: .maximumFirst, isTransposed: transposed,
                layer: "TripletAttention", seed: seed &+ index)
        }
        // The planes over the height lie here as [width, channels].
        channelsByWidth = try gate(0, transposed: true)
        heightByChannels = try gate(1)
        pixels = isSpatial ? try gate(2) : nil
    }

    /// The parts under the variant's names.
    public var submodules: [NamedModule] {
        let names =
            variant == .current
            ? ["cw.conv", "hc.conv", "hw.conv"]
            : ["ChannelGateH.spatial", "ChannelGateW.spatial", "SpatialGate.spatial"]
        return [NamedModule(names[0], channelsByWidth), NamedModule(names[1], heightByChannels)]
            + (pixels.map { [NamedModule(names[2], $0)] } ?? [])
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// Gates per channel and row, per channel and column and per pixel, of which the mean is taken.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func axisGates(of x: Tensor) throws(ProteanError) -> AxisGates {
        let c = x.rank == 4 ? max(1, x.shape[3]) : 1
        try Shape.checkMap(x.shape, channels: c, pixels: true, layer: place)
        let statistics = try Operations.axisStatistics(x)
        let rows = try heightByChannels(statistics.rows, .sigmoid, layer: place)
        let columns = try channelsByWidth(statistics.columns, .sigmoid, layer: place)
        let (n, h, w) = (x.shape[0], x.shape[1], x.shape[2])
        return AxisGates(
            rows: try rows.reshaped(to: [n, h, 1, c]),
            columns: try columns.reshaped(to: [n, w, 1, c]),
            pixels: try pixels?(statistics.pixels, .sigmoid, layer: place), combination: .mean)
    }
}
