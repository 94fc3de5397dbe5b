import CProteanKernels

/// Convolutions as pure functions of tensors: weights are an argument, packed in the call and then
/// freed.
///
/// For weights that are computed at run time, and for single calls. A layer that is called
/// repeatedly with the same weights keeps a ``Conv2dPlanCache`` or a ``PackedConv2d``.
extension Operations {
    /// activation(gate · conv(x, weight) + bias + residual).
    ///
    /// Equal to ``Conv2d`` bit for bit: the same algorithm is chosen. Cost: that of the
    /// convolution, and packing, a pass over the weights (with Winograd's algorithm, which
    /// `geometry.algorithm` can exclude, a transform of every filter).
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - weight: `[out, in / groups, height, width]`.
    ///   - bias: `[out]`, or nil.
    ///   - geometry: the convolution's options.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', out]`; a shape only where a tensor carries no values.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func conv2d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, geometry: Conv2dGeometry,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), layer: String = "conv2d"
    ) throws(ProteanError) -> Tensor {
        try geometry.check(weight: weight, bias: bias, layer: layer)
        if x.isShapeOnly || weight.isShapeOnly || bias?.isShapeOnly == true {
            return try shapeOfConv2d(x, geometry, epilogue, layer: layer)
        }
        let packed = try PackedConv2d(
            weight: weight, bias: bias, geometry: geometry,
            packing: try geometry.packing(for: x.shape, layer: layer), layer: layer)
        return try conv2d(x, packed: packed, epilogue: epilogue, layer: layer)
    }

    /// activation(gate · conv(x) + bias + residual) on weights that a layer has packed; see
    /// ``PackedConv2d``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit, memory is short, or the weights are
    ///   packed for another instruction set or algorithm than the one needed for `x`.
    public static func conv2d(
        _ x: Tensor, packed: PackedConv2d, epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "conv2d"
    ) throws(ProteanError) -> Tensor {
        if x.isShapeOnly {
            return try shapeOfConv2d(x, packed.geometry, epilogue, layer: layer)
        }
        let call = try PreparedConv2d(packed, input: x.shape, layer: layer)
        return try conv2d(x, call, epilogue: epilogue, layer: layer)
    }

    /// activation(gate · conv(x[b], Σ_e routing[b, e] · weight_e) + Σ_e routing[b, e] · bias_e + residual):
    /// each sample's kernel is a sum of experts. Equal to a direct ``CondConv2d`` bit for bit. With `taps`
    /// or `inputs` the summed kernel's weight of tap t and input channel c is multiplied by
    /// taps[b, t] · inputs[b, c]; a factor per output channel is the epilogue's gate.
    ///
    /// Cost: the convolution, batch · experts · weights multiply-adds for mixing, and packing.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - experts: `[experts, out · in / groups · height · width]`, each in the order of
    ///     ``Conv2dGeometry/weightShape``.
    ///   - bias: `[experts, out]`, or nil.
    ///   - routing: `[batch, experts]`.
    ///   - taps: `[batch, kernel height · kernel width]`; nil for ones.
    ///   - factors: `[batch, channels]`; nil for ones.
    ///   - geometry: the convolution's options; computed by the defining sums.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func condConv2d(
        _ x: Tensor, experts: Tensor, bias: Tensor? = nil, routing: Tensor, taps: Tensor? = nil,
        inputs factors: Tensor? = nil, geometry: Conv2dGeometry,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "condConv2d"
    ) throws(ProteanError) -> Tensor {
        let count = experts.shape.first ?? 0, one = geometry.weightShape.reduce(1, *)
        var geometry = geometry
        geometry.algorithm = .direct
        for (name, tensor, expected) in [
            ("experts", experts, [max(count, 1), one]),
            ("routing", routing, [x.shape.first ?? 0, count]),
        ] + (bias.map { [("bias", $0, [count, geometry.outputChannels])] } ?? [])
        where tensor.shape != expected {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(expected)", found: tensor.shape)
        }
        let mixture = ExpertMixture(routing: routing, taps: taps, inputs: factors)
        try mixture.check(batch: routing.shape[0], geometry, layer: layer)
        if [x, experts].contains(where: \.isShapeOnly) || bias?.isShapeOnly == true
            || mixture.isShapeOnly
        {
            return try shapeOfConv2d(x, geometry, epilogue, layer: layer)
        }
        let packing = try geometry.packing(for: x.shape, layer: layer)
        let packed = try PackedConv2d(
            weights: experts, bias: bias, scale: nil, shift: nil, experts: count,
            geometry: geometry, algorithm: packing.algorithm, isa: packing.isa, layer: layer)
        let call = try PreparedConv2d(packed, input: x.shape, layer: layer)
        return try conv2d(x, call, mixture: mixture, epilogue: epilogue, layer: layer)
    }

    /// activation(gate · Σ weight · mask · sample(x) + bias + residual): a deformable convolution, see
    /// ``DeformableConv2d``, to which it is equal bit for bit.
    ///
    /// Cost: that of the convolution, four multiply-adds per sampled channel, and packing.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - offset: `[batch, height', width', offset groups · 2 · taps]`, (y, x) per tap.
    ///   - mask: `[batch, height', width', offset groups · taps]`; nil for ones.
    ///   - weight: `[out, in / groups, height, width]`.
    ///   - bias: `[out]`, or nil.
    ///   - geometry: the convolution's options.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func deformConv2d(
        _ x: Tensor, offset: Tensor, mask: Tensor? = nil, weight: Tensor, bias: Tensor? = nil,
        geometry: Conv2dGeometry, epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "deformConv2d"
    ) throws(ProteanError) -> Tensor {
        try geometry.check(weight: weight, bias: bias, layer: layer)
        let displacements = Displacements(offset: offset, mask: mask)
        if weight.isShapeOnly || bias?.isShapeOnly == true {
            return try deformShape(x, geometry, displacements, epilogue, layer: layer)
        }
        var geometry = geometry
        geometry.algorithm = .direct
        let packed = try PackedDeformableConv2d(
            weights: weight, bias: bias, scale: nil, shift: nil, geometry: geometry,
            isa: try Runtime.isa(), layer: layer)
        return try deformConv2d(x, packed, at: displacements, epilogue: epilogue, layer: layer)
    }

    private static func shapeOfConv2d(
        _ x: Tensor, _ geometry: Conv2dGeometry, _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let output = try geometry.plan(for: x.shape, layer: layer).outputShape
        try epilogue.check(output: output, layer: layer)
        return try Tensor(shapeOnly: output)
    }
}
