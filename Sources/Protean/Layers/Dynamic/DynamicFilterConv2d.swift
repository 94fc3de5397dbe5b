/// A convolution whose filters, one set per sample, are an input: another network predicts them.
///
/// `y[n] = conv(x[n], filters[n])`, a cross-correlation with zeros outside of the map.
///
/// De Brabandere, Jia, Tuytelaars, Van Gool, "Dynamic Filter Networks", arXiv 1605.09673, its dynamic
/// convolution; ``DynamicLocalFilter`` is the form with a filter per pixel. Input
/// `[batch, height, width, inputChannels]`, `filters`
/// `[batch, out, in / groups, kernel height, kernel width]`, output
/// `[batch, height', width', outputChannels]` as for ``Conv2d``. No parameters.
///
/// Equal filters for all samples are a direct ``Conv2d``. Cost: that of the convolution, and one
/// read and write of the filters, which are packed for every call.
public final class DynamicFilterConv2d: MultiInputLayer {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// Options as for ``Conv2d``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, dilation: Size2d = 1, groups: Int = 1
    ) throws(ProteanError) {
        geometry = try Conv2dGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride, padding: padding, dilation: dilation, groups: groups,
            algorithm: .direct, layer: "DynamicFilterConv2d")
    }

    /// `filters`.
    public var inputNames: [String] { ["filters"] }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// The convolution of each sample with its filters.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(_ x: Tensor, filters: Tensor) throws(ProteanError) -> Tensor {
        try traced(
            "DynamicFilterConv2d", path: label, input: x, cost: { cost(x, filters, $0) }
        ) { () throws(ProteanError) in
            try Operations.conv2d(
                x, filtersPerSample: filters, geometry: geometry, layer: place)
        }
    }

    /// The convolution with the filters `inputs[0]`; see ``callAsFunction(_:filters:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try epilogue.applied(to: callAsFunction(x, filters: inputs[0]), layer: place)
    }

    private func cost(_ x: Tensor, _ filters: Tensor, _ y: Tensor) -> Cost {
        Cost(
            multiplyAdds: y.count * geometry.fanIn,
            bytes: (x.count + filters.count + y.count) * MemoryLayout<Float>.stride)
    }
}
