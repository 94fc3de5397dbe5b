/// Computes the factors of a pixel-adaptive layer from its guide.
final class AdaptiveKernelMaker: Sendable {
    private let ignoresNegative: Bool
    private let alpha: Parameter?, lambda: Parameter?
    private let smoother: Parameter?

    /// Throws for options that the reference refuses. `dilation` is the layer's: the reference
    /// smooths without dilation, and then sizes fit only without one.
    init(
        _ options: AdaptiveKernelOptions, dilation: Size2d, layer: String
    ) throws(ProteanError) {
        let function = try options.function(layer: layer)
        ignoresNegative = function.ignoresNegative
        func scalar(_ value: Float) throws(ProteanError) -> Parameter {
            let tensor = try Tensor([value], shape: [])
            return function.isFixed ? Parameter(buffer: tensor) : Parameter(tensor)
        }
        alpha = try function.inverse.map { (pair) throws(ProteanError) in try scalar(pair.alpha) }
        lambda = try function.inverse.map { (pair) throws(ProteanError) in try scalar(pair.lambda) }
        guard let smooth = try options.smoother(layer: layer) else {
            smoother = nil
            return
        }
        guard dilation == 1 else {
            throw .invalidOption(
                layer: layer, option: "dilation", expected: "1 with smoothing",
                found: "\(dilation)")
        }
        let tensor = try Tensor(smooth.values, shape: [1, 1, smooth.side, smooth.side])
        smoother = smooth.isParameter ? Parameter(tensor) : Parameter(buffer: tensor)
    }

    /// `inv_alpha`, `inv_lambda` and `smooth_kernel`, where there are any.
    var parameters: [NamedParameter] {
        [("inv_alpha", alpha), ("inv_lambda", lambda), ("smooth_kernel", smoother)].compactMap {
            name, parameter in parameter.map { NamedParameter(name, $0) }
        }
    }

    /// `[batch, height', width', taps]`. `padding` is that of `geometry`.
    func kernels(
        _ guide: Tensor, _ geometry: Conv2dGeometry, padding: Size2d, layer: String
    ) throws(ProteanError) -> Tensor {
        var function = AdaptiveFunction(.gaussian, ignoresNegative: ignoresNegative)
        if let alpha, let lambda {
            function.kind = .inverse(
                alpha: try alpha.value.item(), lambda: try lambda.value.item())
        }
        var centre: Tensor?
        if let smoother {
            centre = try smoothed(guide, smoother.value, geometry, padding, layer: layer)
        }
        return try Operations.adaptiveKernels(
            guide, function: function, geometry: geometry, centre: centre, layer: layer)
    }

    /// The guide smoothed at the centre of every output's window.
    private func smoothed(
        _ guide: Tensor, _ kernel: Tensor, _ geometry: Conv2dGeometry, _ padding: Size2d,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let side = kernel.shape[2], channels = guide.shape[3]
        let rows = padding.height - (geometry.kernelSize.height - side) / 2
        let columns = padding.width - (geometry.kernelSize.width - side) / 2
        var cut = guide
        if rows < 0 || columns < 0 {
            let (top, left) = (max(0, -rows), max(0, -columns))
            guard guide.shape[1] > 2 * top, guide.shape[2] > 2 * left else {
                throw .shapeMismatch(
                    layer: layer, tensor: "guide",
                    expected: "more than \(2 * top) rows and \(2 * left) columns",
                    found: guide.shape)
            }
            cut = try guide.slice([
                .all, AxisSlice(top..<guide.shape[1] - top),
                AxisSlice(left..<guide.shape[2] - left), .all,
            ])
        }
        let smooth = try Conv2dGeometry(
            inputChannels: channels, outputChannels: channels, kernelSize: Size2d(side),
            stride: geometry.stride,
            padding: .symmetric(height: max(0, rows), width: max(0, columns)), groups: channels,
            layer: layer)
        return try Operations.conv2d(
            cut, weight: try kernel.tiled([channels, 1, 1, 1]), geometry: smooth, layer: layer)
    }
}
