import CProteanKernels

extension Operations {
    /// A direct convolution with filters of its own for every sample: `filters`
    /// `[batch, out, in / groups, height, width]`. Packed one sample after the other, then run as
    /// one convolution: what a layer does whose weights are computed from its input.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - filters: `[batch, out, in / groups, height, width]`.
    ///   - geometry: what the convolution is.
    ///   - layer: the caller, for errors.
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

        let length = Int(plan.packed_floats), one = geometry.weightShape.reduce(1, *)
        let floats = try Shape.elementCount([x.shape[0], length], layer: layer)
        let bytes = max(floats, 1) * MemoryLayout<Float>.stride
        guard let memory = ptn_scratch_acquire(bytes) else {
            throw .outOfMemory(layer: layer, bytes: bytes)
        }
        defer { ptn_scratch_release(memory) }
        let packed = memory.assumingMemoryBound(to: Float.self)
        for sample in 0..<x.shape[0] {
            let status = withExtendedLifetime(filters) {
                ptn_conv2d_pack(
                    runtime.isa, &shape, algorithm.kernelValue,
                    filters.storage!.base + sample * one, nil, packed + sample * length)
            }
            try status.check(layer)
        }
        let epilogue = Conv2dEpilogue()
        return try filling(output, for: layer, from: [x]) { runtime, inputs, y in
            var kernelEpilogue = epilogue.kernelValue(bias: nil)
            return ptn_conv2d(runtime, &shape, inputs[0], packed, length, &kernelEpilogue, y)
        }
    }
}
