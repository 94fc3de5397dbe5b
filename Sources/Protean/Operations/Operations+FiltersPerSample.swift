import CProteanKernels

extension Operations {
    /// A direct convolution with separate filters for every sample: `filters`
    /// `[batch, out, in / groups, height, width]`. The kernel packs them, then runs one
    /// convolution. For layers whose weights are computed from their input.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - filters: `[batch, out, in / groups, height, width]`.
    ///   - geometry: the convolution's options.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', out]`.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func conv2d(
        _ x: Tensor, filtersPerSample filters: Tensor, geometry: Conv2dGeometry,
        layer: String = "conv2d"
    ) throws(ProteanError) -> Tensor {
        let expected = [x.shape.first ?? 0] + geometry.weightShape
        guard filters.shape == expected else {
            throw .shapeMismatch(
                layer: layer, tensor: "filters", expected: "\(expected)", found: filters.shape)
        }
        let runtime = try Runtime.current()
        var shape = try geometry.kernelShape(for: x.shape, exactness: .direct, layer: layer)
        let plan = try geometry.kernelPlan(shape, runtime: runtime, layer: layer)
        let algorithm = Conv2dPlan.Algorithm(plan.algorithm)
        shape.choice = algorithm.choice
        let output = [x.shape[0], Int(plan.out_h), Int(plan.out_w), geometry.outputChannels]
        if x.isShapeOnly || filters.isShapeOnly { return try Tensor(shapeOnly: output) }

        let floats = try Shape.elementCount([x.shape[0], Int(plan.packed_floats)], layer: layer)
        let y = try Tensor(uninitialized: output, for: layer)
        var settings = runtime, epilogue = Conv2dEpilogue().kernelValue(bias: nil)
        var weights = ptn_weight_source()
        weights.kind = PTN_WEIGHTS_PER_SAMPLE
        weights.weights = UnsafePointer(filters.storage!.base)
        let status = withExtendedLifetime((x, filters)) {
            ptn_conv2d(
                &settings, &shape, x.storage!.base, &weights, &epilogue, y.storage!.base, nil)
        }
        try status.check(
            layer, bytes: Int(plan.scratch_bytes) + floats * MemoryLayout<Float>.stride)
        return y
    }
}
