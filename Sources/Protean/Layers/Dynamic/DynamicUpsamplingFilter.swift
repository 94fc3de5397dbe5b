/// Dynamic upsampling filters: every pixel of a frame becomes R × R pixels, each a weighted sum of
/// the frame's pixels around it with a filter of its own; then a residual image is added.
///
/// `y[n, R · h + dy, R · w + dx, c] = Σ_p F[n, h, w, p, q] · x[n, h + i − ⌊k / 2⌋, w + j − ⌊k / 2⌋, c]
/// + residual[n, h, w, q · channels + c]`, q = dy · R + dx, p = i · k + j, zeros outside of the frame.
/// F is the softmax of the filters over the taps p, or, without `softmax`, the filters.
///
/// Jo, Oh, Kang, Kim, "Deep Video Super-Resolution Network Using Dynamic Upsampling Filters Without
/// Explicit Motion Compensation", CVPR 2018; the order of the reference's (TensorFlow) tensors. Input
/// `[batch, height, width, channels]`, the centre frame; `filters` `[batch, height, width, k² · R²]`,
/// channel p · R² + q; `residual` `[batch, height, width, R² · channels]`, or none; output
/// `[batch, R · height, R · width, channels]`. No parameters: the network that predicts both from
/// several frames is made of other layers.
///
/// A filter of 1 at the centre tap and 0 elsewhere, without softmax, is nearest-neighbour
/// upsampling. Cost: k² multiply-adds per output. For images of one or three channels the R² filters
/// of a pixel are computed side by side, the softmax in the same pass.
public final class DynamicUpsamplingFilter: MultiInputLayer {
    /// R, the factor of height and width.
    public let factor: Int
    /// k, the height and width of the filters, odd.
    public let kernelSize: Int
    /// Whether each filter is replaced by its softmax over the taps.
    public let softmax: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let filter: PixelFilter

    /// - Parameters:
    ///   - factor: the factor of height and width.
    ///   - kernelSize: odd height and width of the filters.
    ///   - softmax: whether each filter is replaced by its softmax over the taps, as in the reference.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        factor: Int = 4, kernelSize: Int = 5, softmax: Bool = true
    ) throws(ProteanError) {
        filter = try .centred(
            kernelSize: Size2d(kernelSize), factor: factor,
            normalization: softmax ? .softmax : .none, order: .beforeShuffle,
            layer: "DynamicUpsamplingFilter")
        self.factor = factor
        self.kernelSize = kernelSize
        self.softmax = softmax
    }

    /// `filters` and, optionally, `residual`.
    public var inputNames: [String] { ["filters", "residual"] }

    /// The filters.
    public var requiredInputs: Int { 1 }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The enlarged frame.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, filters: Tensor, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let given = [filters] + (residual.map { [$0] } ?? [])
        if let residual { try check(residual, for: x) }
        return try traced(
            "DynamicUpsamplingFilter", path: label, input: x,
            cost: { .pixelFilter(x, given, $0, taps: filter.window.taps) }
        ) { () throws(ProteanError) in
            try Operations.pixelFilter(
                x, filters: filters, filter, residual: residual, layer: place)
        }
    }

    /// The frame enlarged with the filters `inputs[0]` and the residual `inputs[1]`, if there is
    /// one; see ``callAsFunction(_:filters:residual:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        let y = try callAsFunction(
            x, filters: inputs[0], residual: inputs.count > 1 ? inputs[1] : nil)
        return try epilogue.applied(to: y, layer: place)
    }

    /// The residual's channels are sorted by output pixel; an image of the result's size is refused.
    private func check(_ residual: Tensor, for x: Tensor) throws(ProteanError) {
        let (values, overflow) = (factor * factor).multipliedReportingOverflow(
            by: x.shape.last ?? 0)
        let expected = Array(x.shape.dropLast()) + [values]
        guard !overflow, residual.shape == expected else {
            throw .shapeMismatch(
                layer: place, tensor: "residual", expected: "\(expected)", found: residual.shape)
        }
    }
}
