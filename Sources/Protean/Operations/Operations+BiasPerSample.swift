import CProteanKernels

extension Operations {
    /// activation(conv(x) + bias) with a bias of its own for every sample, `[batch, out]`, added
    /// while the sums are in registers. The convolution's own bias is not added.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, biasPerSample bias: Tensor, activation: Activation,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let outputs = plans.geometry.outputChannels, expected = [x.shape.first ?? 0, outputs]
        guard bias.shape == expected else {
            throw .shapeMismatch(
                layer: layer, tensor: "bias", expected: "\(expected)", found: bias.shape)
        }
        if x.isShapeOnly || bias.isShapeOnly {
            return try Tensor(
                shapeOnly: plans.geometry.plan(for: x.shape, layer: layer).outputShape)
        }
        let call = try plans.prepared(for: x.shape, settings: try Runtime.resolved(), layer: layer)
        let y = try Tensor(uninitialized: call.output, for: layer)
        let epilogue = Conv2dEpilogue(activation: activation)
        var kernelEpilogue = epilogue.kernelValue(bias: bias.storage?.base)
        kernelEpilogue.bias_stride = outputs
        try run(call, x, kernelEpilogue, into: y, layer: layer)
        withExtendedLifetime((bias, epilogue)) {}
        return y
    }
}
