/// Decoupled dynamic filter: a depthwise filter for every pixel and channel that is the product, or
/// the sum, of a filter per pixel and a filter per channel.
///
/// `y[n, oy, ox, c] = Σ_{i,j} (S[n, oy, ox, h(c), i, j] ∘ C[n, c, i, j]) ·
/// x[n, oy · s + (i − ⌊k / 2⌋) · d, ox · s + (j − ⌊k / 2⌋) · d, c]` with ∘ times or plus, and h(c) the
/// head, a contiguous group of channels. Taps outside of the map are left out.
///
/// Zhou, Jampani, Pi, Liu, Yang, "Decoupled Dynamic Filter Networks", arXiv 2104.14107; the
/// reference's `ddf`. Both filters are used as they are: ``DecoupledDynamicFilterPack`` predicts and
/// normalises them. Input `[batch, height, width, channels]`; `channel_filter`
/// `[batch, channels, k, k]`, or with its last axes flattened; `spatial_filter`
/// `[batch, height / s, width / s, heads · k²]`; output `[batch, height / s, width / s, channels]`.
/// No parameters. With a stride, height and width must be multiples of it.
///
/// With channel filters of ones, `multiply` is a ``DynamicLocalFilter``. Cost: two multiply-adds per
/// tap and output for `multiply`, one for `add`; the filters of all pixels and channels together
/// never exist.
public final class DecoupledDynamicFilter: MultiInputLayer {
    /// k, the height and width of the filters, odd and above 1.
    public let kernelSize: Int
    /// Step from one output to the next, in input pixels.
    public let stride: Int
    /// Distance between taps, in input pixels.
    public let dilation: Int
    /// Groups of channels with spatial filters of their own.
    public let heads: Int
    /// How the two filters are combined.
    public let combination: PixelFilter.Combination
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    let filter: PixelFilter

    /// The reference's defaults.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public convenience init(
        kernelSize: Int = 3, stride: Int = 1, dilation: Int = 1, heads: Int = 1,
        combination: PixelFilter.Combination = .multiply
    ) throws(ProteanError) {
        try self.init(
            kernelSize: kernelSize, stride: stride, dilation: dilation, heads: heads,
            combination: combination, normalization: .none, layer: "DecoupledDynamicFilter")
    }

    /// With a normalisation of the spatial filters.
    init(
        kernelSize: Int, stride: Int, dilation: Int, heads: Int,
        combination: PixelFilter.Combination, normalization: PixelFilter.Normalization,
        layer: String
    ) throws(ProteanError) {
        try checkOption(kernelSize, "kernelSize", in: 2...OptionLimits.length, layer: layer)
        try checkChannels(heads, "heads", layer: layer)
        filter = try .centred(
            kernelSize: Size2d(kernelSize), stride: Size2d(stride), dilation: Size2d(dilation),
            groups: heads, normalization: normalization, combination: combination, layer: layer)
        (self.kernelSize, self.stride, self.dilation) = (kernelSize, stride, dilation)
        (self.heads, self.combination) = (heads, combination)
    }

    /// `channel_filter` and `spatial_filter`.
    public var inputNames: [String] { ["channel_filter", "spatial_filter"] }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The filtered map.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, channelFilter: Tensor, spatialFilter: Tensor
    ) throws(ProteanError) -> Tensor {
        try run(
            x, channelFilter: channelFilter, spatialFilter: spatialFilter, place: place,
            label: label)
    }

    /// The map filtered with `inputs[0]` and `inputs[1]`; see
    /// ``callAsFunction(_:channelFilter:spatialFilter:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        let y = try callAsFunction(x, channelFilter: inputs[0], spatialFilter: inputs[1])
        return try epilogue.applied(to: y, layer: place)
    }

    /// `place` and `label` are those of the layer that uses this one.
    func run(
        _ x: Tensor, channelFilter: Tensor, spatialFilter: Tensor, place: String, label: Label?
    ) throws(ProteanError) -> Tensor {
        try check(x, place: place)
        let (batch, channels, taps) = (x.shape[0], x.shape[3], filter.window.taps)
        let shapes = [
            [batch, channels, kernelSize, kernelSize], [batch, channels, taps],
            [batch, channels * taps],
        ]
        guard shapes.contains(channelFilter.shape) else {
            throw .shapeMismatch(
                layer: place, tensor: "channel_filter", expected: "\(shapes[0])",
                found: channelFilter.shape)
        }
        do throws(ProteanError) {
            return try traced(
                "DecoupledDynamicFilter", path: label, input: x,
                cost: { cost(x, [channelFilter, spatialFilter], $0) }
            ) { () throws(ProteanError) in
                let byTap = try Operations.permute(
                    channelFilter.reshaped(to: [batch, channels, taps]), [0, 2, 1])
                return try Operations.pixelFilter(
                    x, filters: spatialFilter, filter, channelFilters: byTap, layer: place)
            }
        } catch {
            throw error.renaming(tensor: "filters", to: "spatial_filter")
        }
    }

    private func check(_ x: Tensor, place: String) throws(ProteanError) {
        try Operations.checkMap(x, pixels: true, layer: place)
        guard x.shape[1] % stride == 0, x.shape[2] % stride == 0 else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "height and width that are multiples of the stride \(stride)",
                found: x.shape)
        }
        let (_, overflow) = x.shape[3].multipliedReportingOverflow(by: filter.window.taps)
        guard !overflow else { throw .sizeOverflow(layer: place, what: "the channel filters") }
    }

    private func cost(_ x: Tensor, _ filters: [Tensor], _ y: Tensor) -> Cost {
        .pixelFilter(
            x, filters, y, taps: filter.window.taps, products: combination == .multiply ? 2 : 1)
    }
}
