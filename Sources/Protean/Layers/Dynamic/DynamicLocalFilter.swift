/// Dynamic local filtering: every pixel of the map is filtered by a filter of its own, which another
/// network predicts.
///
/// `y[n, oy, ox, c] = Σ_{i,j} F[n, oy, ox, i, j] · x[n, oy + i − ⌊kh / 2⌋, ox + j − ⌊kw / 2⌋, c]`, a
/// cross-correlation with zeros outside of the map; F is the filter given or, with `softmax`, its
/// softmax over the taps. All channels share the filters, or with `groups` those of a group do.
///
/// De Brabandere, Jia, Tuytelaars, Van Gool, "Dynamic Filter Networks", arXiv 1605.09673, and its
/// reference's `DynamicFilterLayer`. Input `[batch, height, width, channels]`, `filters`
/// `[batch, height, width, groups · kh · kw]`, taps row by row; output as the input. No parameters.
///
/// Equal filter values 1 / (kh · kw) make a box filter. Softmax includes taps outside of the map,
/// whose pixels are 0, so borders get darker, as in the reference. Cost: kh · kw multiply-adds per
/// output; the filters are read once, and nothing is unfolded.
public final class DynamicLocalFilter: MultiInputLayer {
    /// Height and width of the filters, odd.
    public let kernelSize: Size2d
    /// Whether each filter is replaced by its softmax over the taps.
    public let softmax: Bool
    /// Groups of channels with filters of their own.
    public let groups: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let filter: PixelFilter

    /// - Parameters:
    ///   - kernelSize: odd height and width of the filters.
    ///   - softmax: whether each filter is replaced by its softmax over the taps.
    ///   - groups: groups of channels with filters of their own; 1 in the reference.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        kernelSize: Size2d = 9, softmax: Bool = false, groups: Int = 1
    ) throws(ProteanError) {
        filter = try .centred(
            kernelSize: kernelSize, groups: groups, normalization: softmax ? .softmax : .none,
            layer: "DynamicLocalFilter")
        self.groups = groups
        self.kernelSize = kernelSize
        self.softmax = softmax
    }

    /// `filters`.
    public var inputNames: [String] { ["filters"] }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The filtered map.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(_ x: Tensor, filters: Tensor) throws(ProteanError) -> Tensor {
        try traced(
            "DynamicLocalFilter", path: label, input: x,
            cost: { .pixelFilter(x, [filters], $0, taps: filter.window.taps) }
        ) { () throws(ProteanError) in
            try Operations.pixelFilter(x, filters: filters, filter, layer: place)
        }
    }

    /// The map filtered by `inputs[0]`; see ``callAsFunction(_:filters:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try epilogue.applied(to: callAsFunction(x, filters: inputs[0]), layer: place)
    }
}
