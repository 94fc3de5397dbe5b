import CProteanKernels

extension Operations {
    /// activation(conv(x) + bias) with a separate bias for every sample, `[batch, out]`, added
    /// while the sums are in registers. The convolution's own bias is not added.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, biasPerSample bias: Tensor, activation: Activation,
        layer: String
    ) throws(ProteanError) -> Tensor {
        try check(bias, x, plans.geometry, layer: layer)
        if x.isShapeOnly || bias.isShapeOnly {
            return try Tensor(
                shapeOnly: plans.geometry.plan(for: x.shape, layer: layer).outputShape)
        }
        let call = try plans.prepared(for: x.shape, settings: try Runtime.resolved(), layer: layer)
        return try conv2d(x, call, biasPerSample: bias, activation: activation, layer: layer)
    }

    /// activation(conv(x, weight) + bias) with a separate bias for every sample, as a pure
    /// function; see ``conv2d(_:weight:bias:geometry:epilogue:layer:)``.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - weight: `[out, in / groups, height, width]`.
    ///   - bias: `[batch, out]`.
    ///   - geometry: the convolution's options.
    ///   - activation: applied last.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func conv2d(
        _ x: Tensor, weight: Tensor, biasPerSample bias: Tensor, geometry: Conv2dGeometry,
        activation: Activation = .identity, layer: String = "conv2d"
    ) throws(ProteanError) -> Tensor {
        try geometry.check(weight: weight, bias: nil, layer: layer)
        try check(bias, x, geometry, layer: layer)
        if x.isShapeOnly || bias.isShapeOnly || weight.isShapeOnly {
            return try Tensor(shapeOnly: geometry.plan(for: x.shape, layer: layer).outputShape)
        }
        let packed = try PackedConv2d(
            weight: weight, geometry: geometry,
            packing: try geometry.packing(for: x.shape, layer: layer), layer: layer)
        let call = try PreparedConv2d(packed, input: x.shape, layer: layer)
        return try conv2d(x, call, biasPerSample: bias, activation: activation, layer: layer)
    }

    private static func check(
        _ bias: Tensor, _ x: Tensor, _ geometry: Conv2dGeometry, layer: String
    ) throws(ProteanError) {
        let expected = [x.shape.first ?? 0, geometry.outputChannels]
        guard bias.shape == expected else {
            throw .shapeMismatch(
                layer: layer, tensor: "bias", expected: "\(expected)", found: bias.shape)
        }
    }

    private static func conv2d(
        _ x: Tensor, _ call: PreparedConv2d, biasPerSample bias: Tensor, activation: Activation,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let y = try Tensor(uninitialized: call.output, for: layer)
        let epilogue = Conv2dEpilogue(activation: activation)
        var kernelEpilogue = epilogue.kernelValue(bias: bias.storage?.base)
        kernelEpilogue.bias_stride = call.output[3]
        try run(call, x, kernelEpilogue, into: y, layer: layer)
        withExtendedLifetime((bias, epilogue)) {}
        return y
    }
}

extension Operations {
    /// activation(gate · conv(x) + bias) with a gate and a bias for every sample, `[batch, out]`.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, gate: Tensor, biasPerSample bias: Tensor,
        activation: Activation, layer: String
    ) throws(ProteanError) -> Tensor {
        let call = try plans.prepared(for: x.shape, settings: try Runtime.resolved(), layer: layer)
        let y = try Tensor(uninitialized: call.output, for: layer)
        let epilogue = Conv2dEpilogue(activation: activation, gate: gate)
        try epilogue.check(output: call.output, layer: layer)
        var kernelEpilogue = epilogue.kernelValue(bias: bias.storage?.base)
        kernelEpilogue.bias_stride = call.output[3]
        try run(call, x, kernelEpilogue, into: y, layer: layer)
        withExtendedLifetime((bias, epilogue)) {}
        return y
    }
}
