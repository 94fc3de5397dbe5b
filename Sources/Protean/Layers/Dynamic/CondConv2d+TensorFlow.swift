extension CondConv2d {
    /// Takes the variables of TensorFlow's CondConv layers: `condconv_kernel` or
    /// `depthwise_condconv_kernel` and `condconv_bias`.
    ///
    /// - Parameters:
    ///   - kernel: `[experts, height · width · in · out]`, see ``weight(tensorFlow:geometry:layer:)``.
    ///   - bias: `[experts, out]`; nil if this layer has none.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` naming the variable; then
    ///   nothing is changed.
    public func setTensorFlow(
        kernel: Tensor, bias: Tensor? = nil
    ) throws(ProteanError) {
        let converted = try Self.weight(tensorFlow: kernel, geometry: geometry, layer: place)
        guard converted.shape == weight.shape else {
            throw .shapeMismatch(
                layer: place, tensor: geometry.tensorFlowKernelName, expected: "\(weight.shape)",
                found: kernel.shape)
        }
        guard bias?.shape == self.bias?.shape else {
            throw .shapeMismatch(
                layer: place, tensor: "condconv_bias",
                expected: self.bias.map { "\($0.shape)" } ?? "none", found: bias?.shape ?? [])
        }
        try weight.set(converted)
        if let bias { try self.bias?.set(bias) }
    }

    /// TensorFlow's experts in PyTorch's order.
    ///
    /// TensorFlow flattens each kernel from `[height, width, in, out]`, for depthwise layers from
    /// `[height, width, in, multiplier]` where output channel c · multiplier + m belongs to input
    /// channel c; PyTorch from `[out, in / groups, height, width]`. Both have the same size, so values
    /// in the wrong order load without an error. Depthwise means as many groups as input channels.
    /// - Parameters:
    ///   - kernel: `[experts, height · width · in · out]`.
    ///   - geometry: the convolution's options.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[experts, out · in / groups · height · width]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func weight(
        tensorFlow kernel: Tensor, geometry: Conv2dGeometry, layer: String = "CondConv2d"
    ) throws(ProteanError) -> Tensor {
        let shape = geometry.weightShape, size = shape.reduce(1, *)
        guard kernel.rank == 2, kernel.shape[1] == size, kernel.shape[0] >= 1 else {
            throw .shapeMismatch(
                layer: layer, tensor: geometry.tensorFlowKernelName, expected: "[experts, \(size)]",
                found: kernel.shape)
        }
        let experts = kernel.shape[0], (out, within) = (shape[0], shape[1])
        let area = [experts, shape[2], shape[3]]
        let ordered =
            geometry.isTensorFlowDepthwise
            ? try Operations.permute(
                kernel.reshaped(
                    to: area + [geometry.inputChannels, out / geometry.inputChannels]),
                [0, 3, 4, 1, 2])
            : try Operations.permute(kernel.reshaped(to: area + [within, out]), [0, 4, 3, 1, 2])
        return try ordered.reshaped(to: [experts, size])
    }
}

extension Conv2dGeometry {
    fileprivate var isTensorFlowDepthwise: Bool { groups == inputChannels && groups > 1 }

    fileprivate var tensorFlowKernelName: String {
        isTensorFlowDepthwise ? "depthwise_condconv_kernel" : "condconv_kernel"
    }
}
