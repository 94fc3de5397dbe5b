/// Masked convolutions as pure functions of tensors; see
/// ``Operations/conv2d(_:weight:bias:geometry:epilogue:layer:)``.
///
/// These return a new map where layers can write into an existing one: an update of `y` is
/// `maskedConv2d(…, inactive: .copy(of: y))`.
extension Operations {
    /// activation(gate · conv(x, weight) + bias + residual) at the active pixels of `mask`, `inactive`
    /// elsewhere. Equal to ``MaskedConv2d`` bit for bit.
    ///
    /// Cost: active pixels · out · in / groups · kernel area multiply-adds, and packing.
    /// - Parameters:
    ///   - x: a map `[batch, height, width, channels]`, or rows if `input` says so.
    ///   - input: the layout of `x` in memory.
    ///   - weight: `[out, in / groups, height, width]`.
    ///   - bias: `[out]`, or nil.
    ///   - geometry: what the convolution is.
    ///   - mask: the outputs to compute, of the output's size.
    ///   - inactive: the values of the other outputs.
    ///   - algorithm: the algorithms that may be used.
    ///   - epilogue: operations applied to the sums of active pixels; the residual is a map.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', out]`.
    /// - Throws: ``ProteanError`` when a tensor or the mask does not fit.
    public static func maskedConv2d(
        _ x: Tensor, from input: MaskedInput = .map, weight: Tensor, bias: Tensor? = nil,
        geometry: Conv2dGeometry, mask: MaskPlan, inactive: InactiveOutputs = .zeros,
        algorithm: MaskedConv2dAlgorithm = .automatic,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), layer: String = "maskedConv2d"
    ) throws(ProteanError) -> Tensor {
        let call = try PureMaskedConv2d(
            x, input, weight, bias, geometry, mask, algorithm, layer: layer)
        if call.isShapeOnly { return try Tensor(shapeOnly: call.prepared.output) }
        guard call.way == .dense else {
            return try maskedConv2d(
                x, from: input, try call.packed(layer), outputs: mask, inactive: inactive,
                epilogue: epilogue, prepared: call.prepared, layer: layer)
        }
        let y = try conv2d(x, Conv2dPlanCache(call.parameters), epilogue: epilogue, layer: layer)
        return try replacingInactive(y, of: mask, by: inactive, layer: layer)
    }

    /// activation(gate · conv(x, weight) + bias + residual) at the active pixels of `mask`, as compact
    /// rows in the mask's order. Equal to ``MaskedConv2d/rows(_:from:mask:)`` bit for bit.
    ///
    /// Parameters and cost as
    /// ``maskedConv2d(_:from:weight:bias:geometry:mask:inactive:algorithm:epilogue:layer:)``; the
    /// residual consists of rows too.
    /// - Returns: `[active pixels, out]`.
    /// - Throws: ``ProteanError`` when a tensor or the mask does not fit.
    public static func maskedConv2dRows(
        _ x: Tensor, from input: MaskedInput = .map, weight: Tensor, bias: Tensor? = nil,
        geometry: Conv2dGeometry, mask: MaskPlan,
        algorithm: MaskedConv2dAlgorithm = .automatic,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), layer: String = "maskedConv2dRows"
    ) throws(ProteanError) -> Tensor {
        var call = try PureMaskedConv2d(
            x, input, weight, bias, geometry, mask, algorithm, layer: layer)
        if call.isShapeOnly {
            return try Tensor(shapeOnly: [mask.count, geometry.outputChannels])
        }
        // The dense algorithm cannot add a residual to rows.
        if call.way == .dense && epilogue.residual != nil { call.way = .pixels }
        guard call.way == .dense else {
            return try maskedConv2dRows(
                x, from: input, try call.packed(layer), outputs: mask, epilogue: epilogue,
                prepared: call.prepared, layer: layer)
        }
        let y = try conv2d(x, Conv2dPlanCache(call.parameters), epilogue: epilogue, layer: layer)
        return try gather(y, at: mask)
    }

    /// `map` with the values that `inactive` specifies where `mask` is not active.
    static func replacingInactive(
        _ map: consuming Tensor, of mask: MaskPlan, by inactive: InactiveOutputs, layer: String
    ) throws(ProteanError) -> Tensor {
        guard case .copy(let base) = inactive else {
            return try replacingInactive(map, of: mask)
        }
        guard base.shape == map.shape else {
            throw .shapeMismatch(
                layer: layer, tensor: "inactive", expected: "\(map.shape)", found: base.shape)
        }
        return try replacingInactive(map, of: mask, by: base)
    }
}

/// A masked convolution with the weights of one call.
private struct PureMaskedConv2d {
    let parameters: Conv2dParameters
    let plans: MaskedConv2dPlanCache
    let prepared: PreparedMaskedConv2d
    var way: MaskedConv2dPlan.Way
    /// Whether a tensor carries no values.
    let isShapeOnly: Bool

    init(
        _ x: Tensor, _ input: MaskedInput, _ weight: Tensor, _ bias: Tensor?,
        _ geometry: Conv2dGeometry, _ mask: MaskPlan, _ algorithm: MaskedConv2dAlgorithm,
        layer: String
    ) throws(ProteanError) {
        try geometry.check(weight: weight, bias: bias, layer: layer)
        parameters = Conv2dParameters(
            weight: Parameter(weight), bias: bias.map { Parameter($0) }, geometry: geometry)
        plans = try MaskedConv2dPlanCache(parameters, algorithm: algorithm, layer: layer)
        (prepared, way) = try plans.prepare(x, input, mask, layer: layer)
        isShapeOnly = x.isShapeOnly || weight.isShapeOnly || bias?.isShapeOnly == true
    }

    func packed(_ layer: String) throws(ProteanError) -> PackedConv2d {
        try plans.packed(for: prepared, way: way, layer: layer)
    }
}
