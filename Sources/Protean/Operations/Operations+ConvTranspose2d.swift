import CProteanKernels

extension Operations {
    /// The transposed convolution, which is the gradient of a convolution with respect to its input.
    ///
    /// `y[n, oy, ox, k] = bias[k] + Σ x[n, iy, ix, c] · weight[c, k, i, j]` over all input pixels and taps
    /// with `iy · stride + i · dilation = oy + padding`, and likewise along columns; with groups, over
    /// the input channels of k's own group. Dumoulin, Visin, "A guide to convolution arithmetic for
    /// deep learning", arXiv 1603.07285. Outputs that no tap reaches are the bias. Cost:
    /// batch · h · w · in · out / groups · kernel area multiply-adds; no inserted zero is multiplied.
    ///
    /// Weights are packed in every call; the layer ``ConvTranspose2d`` keeps them packed.
    /// - Parameters:
    ///   - x: `[batch, h, w, in]`.
    ///   - weight: `[in, out / groups, kernel height, kernel width]`.
    ///   - bias: `[out]`, or nil.
    ///   - stride: output pixels from one input pixel to the next.
    ///   - padding: rows and columns left out on each side of the full result.
    ///   - outputPadding: rows and columns added at the bottom and right.
    ///   - dilation: distance between neighbouring taps, in output pixels.
    ///   - groups: independent groups of channels.
    ///   - outputSize: height and width of the result, instead of `outputPadding`; see
    ///     ``ConvTranspose2dGeometry/outputShape(for:size:layer:)``.
    ///   - epilogue: operations applied to the sums before they are stored.
    /// - Returns: `[batch, h', w', out]`,
    ///   `h' = (h − 1) · stride − 2 · padding + dilation · (kernel − 1) + outputPadding + 1`.
    /// - Throws: ``ProteanError`` when shapes or options do not fit or memory is short.
    public static func convTranspose2d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Size2d = 1, padding: Size2d = 0,
        outputPadding: Size2d = 0, dilation: Size2d = 1, groups: Int = 1,
        outputSize: Size2d? = nil, epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        let geometry = try ConvTranspose2dGeometry(
            weight: weight, bias: bias, stride: stride, padding: padding,
            outputPadding: outputPadding, dilation: dilation, groups: groups,
            layer: "convTranspose2d")
        let parameters = ConvTranspose2dParameters(
            weight: Parameter(weight), bias: bias.map { Parameter($0) }, geometry: geometry)
        return try convTranspose2d(
            x, parameters, outputSize: outputSize, epilogue: epilogue, layer: "convTranspose2d")
    }

    /// The same with packed weights.
    static func convTranspose2d(
        _ x: Tensor, _ parameters: ConvTranspose2dParameters, outputSize: Size2d?,
        epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let geometry = parameters.geometry
        let output = try geometry.outputShape(for: x.shape, size: outputSize, layer: layer)
        try epilogue.check(output: output, layer: layer)
        if x.isShapeOnly { return try Tensor(shapeOnly: output) }
        if let other = try geometry.mirrored(input: x.shape, output: output, layer: layer) {
            let plans = try parameters.mirrored(other, layer: layer)
            return try conv2d(x, plans, epilogue: epilogue, layer: layer)
        }
        let settings = try Runtime.resolved()
        let packed = try parameters.packed(for: settings.isa, layer: layer)
        let y = try Tensor(uninitialized: output, for: layer)
        guard let input = x.storage, let result = y.storage else { return y }
        var runtime = settings.kernelValue
        var shape = geometry.kernelShape(input: x.shape, output: output)
        var kernelEpilogue = epilogue.kernelValue(bias: packed.bias?.storage?.base)
        let status = withExtendedLifetime((x, packed, epilogue)) {
            ptn_conv_transpose2d(
                &runtime, &shape, input.base, packed.weights, &kernelEpilogue, result.base)
        }
        try status.check(layer)
        return y
    }
}

extension ConvTranspose2dGeometry {
    /// The geometry of weights `[in, out / groups, height, width]`; throws if the bias does not
    /// fit.
    init(
        weight: Tensor, bias: Tensor?, stride: Size2d, padding: Size2d, outputPadding: Size2d,
        dilation: Size2d, groups: Int, layer: String
    ) throws(ProteanError) {
        guard weight.rank == 4 else {
            throw .shapeMismatch(
                layer: layer, tensor: "weight", expected: "[in, out / groups, height, width]",
                found: weight.shape)
        }
        let (outputs, overflow) = weight.shape[1].multipliedReportingOverflow(by: max(groups, 1))
        guard !overflow else { throw .sizeOverflow(layer: layer, what: "the output channels") }
        try self.init(
            inputChannels: weight.shape[0], outputChannels: outputs,
            kernelSize: Size2d(height: weight.shape[2], width: weight.shape[3]), stride: stride,
            padding: padding, outputPadding: outputPadding, dilation: dilation, groups: groups,
            layer: layer)
        try Operations.check(bias, "bias", channels: outputs, layer: layer)
        guard !weight.isShapeOnly, bias?.isShapeOnly != true else {
            throw .noValues(layer: layer)
        }
    }
}
