import CProteanKernels

/// Convolutions of some rows of a batch, in place in the maps of the full batch.
extension Operations {
    /// activation(gate · conv(x) + bias + residual) of some rows of `x`, written to some rows of a map
    /// that is there: a residual block runs on chosen rows without gathering them. Rows that are not
    /// listed are neither read nor written.
    ///
    /// Row `i` of the call reads row `inputRows.rows[i]` of `x` and writes row `outputRows.rows[i]` of
    /// `y`, with the bits of a call on that row alone. Cost: that of a convolution of the listed rows;
    /// `y` is copied first if its elements are shared.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - plans: the layer's weights with their plans and packed forms.
    ///   - inputRows: the rows of `x` that are read; nil for all.
    ///   - outputRows: the rows of `y` that are written, as many; nil for all.
    ///   - y: `[rows, height', width', out]`.
    ///   - adding: adds the values that the written rows of `y` have, as a residual does, which the
    ///     epilogue must not have then. Not together with a factor, nor after an activation other than
    ///     identity, ReLU and ReLU6.
    ///   - epilogue: operations applied to the sums before they are stored. The gate has a row per
    ///     computed row; residual and factor are shaped like `y`.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor or a list does not fit or memory is short.
    public static func conv2d(
        _ x: Tensor, plans: Conv2dPlanCache, inputRows: RowPlan?, outputRows: RowPlan?,
        into y: inout Tensor, adding: Bool = false,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), layer: String = "conv2d"
    ) throws(ProteanError) {
        let part = Conv2dPart(inputRows: inputRows, outputRows: outputRows)
        try conv2d(
            x, plans, part, into: &y, adding: adding, epilogue: epilogue, layer: layer)
    }

    /// activation(gate · conv(x) + bias + residual) of some rows of `x` as a compact batch: without
    /// gathering them first.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - plans: the layer's weights with their plans and packed forms.
    ///   - rows: the rows of `x` that are read.
    ///   - epilogue: operations applied to the sums before they are stored, shaped like the result.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[rows.count, height', width', out]`.
    /// - Throws: ``ProteanError`` when a tensor or the list does not fit or memory is short.
    public static func conv2d(
        _ x: Tensor, plans: Conv2dPlanCache, rows: RowPlan,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), layer: String = "conv2d"
    ) throws(ProteanError) -> Tensor {
        try conv2d(x, plans, Conv2dPart(inputRows: rows), epilogue: epilogue, layer: layer)
    }
}

extension Operations {
    /// A part of a convolution as a new map of the rows that are read.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ part: Conv2dPart, epilogue: Conv2dEpilogue,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let shapes = try PartShapes(x, plans.geometry, part, layer: layer)
        var y =
            x.isShapeOnly
            ? try Tensor(shapeOnly: shapes.output)
            : try Tensor(uninitialized: shapes.output, for: layer)
        try conv2d(
            x, plans, part, shapes, into: &y, adding: false, epilogue: epilogue, layer: layer)
        return y
    }

    /// A part of a convolution, written to a map that is there.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ part: Conv2dPart, into y: inout Tensor,
        adding: Bool, epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) {
        let shapes = try PartShapes(x, plans.geometry, part, layer: layer)
        try conv2d(
            x, plans, part, shapes, into: &y, adding: adding, epilogue: epilogue, layer: layer)
    }

    private static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ part: Conv2dPart, _ shapes: PartShapes,
        into y: inout Tensor, adding: Bool, epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) {
        try shapes.check(result: y, part, adding: adding, epilogue, layer: layer)
        if x.isShapeOnly || y.isShapeOnly {
            guard x.isShapeOnly == y.isShapeOnly else { throw .noValues(layer: layer) }
            return
        }
        let call = try plans.prepared(
            for: shapes.input, settings: try Runtime.resolved(), layer: layer)
        let base = try y.uniqueBase()
        var end = epilogue.kernelValue(bias: call.packed.bias?.storage?.base)
        if adding { end.residual = UnsafePointer(base) }
        let run = Conv2dPartRun(call: call, part: part, output: shapes.output, layer: layer)
        try withExtendedLifetime((x, epilogue, y)) { () throws(ProteanError) in
            try run(x.storage!.base, end, into: base)
        }
    }
}

/// The shapes of a part of a convolution.
private struct PartShapes {
    /// The input that the plan is for: the rows that are read, with all of the layer's channels.
    let input: [Int]
    /// The compact result, with the channels that are computed.
    let output: [Int]

    init(
        _ x: Tensor, _ geometry: Conv2dGeometry, _ part: Conv2dPart, layer: String
    ) throws(ProteanError) {
        let channels = part.inputChannels ?? geometry.inputChannels
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: layer)
        let rows = try part.batch(of: x.shape, layer: layer)
        input = [rows, x.shape[1], x.shape[2], geometry.inputChannels]
        let shape = try geometry.kernelShape(for: input, layer: layer)
        let size = try geometry.outputSize(shape, layer: layer)
        output = [rows, size.height, size.width, part.outputChannels ?? geometry.outputChannels]
    }

    func check(
        result y: Tensor, _ part: Conv2dPart, adding: Bool, _ epilogue: Conv2dEpilogue,
        layer: String
    ) throws(ProteanError) {
        guard y.rank == 4, y.shape.dropFirst() == output.dropFirst() else {
            throw .shapeMismatch(
                layer: layer, tensor: "y",
                expected: "[rows, \(output[1]), \(output[2]), \(output[3])]", found: y.shape)
        }
        try part.check(result: y.shape[0], count: output[0], layer: layer)
        try epilogue.check(output: output, residual: y.shape, layer: layer)
        guard adding else { return }
        let clamps = [.identity, .relu, .relu6].contains(epilogue.activation)
        guard clamps && epilogue.residual == nil && epilogue.factor == nil else {
            throw .invalidOption(
                layer: layer, option: "adding",
                expected: "false with a residual, a factor or an activation that is no clamp",
                found: "true")
        }
    }
}

extension Operations {
    /// activation(scale · conv(x) + shift + residual) of a part of a convolution, without its bias:
    /// `scale` and `shift` hold a number per computed channel.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ part: Conv2dPart, scale: Tensor, shift: Tensor,
        epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let shapes = try PartShapes(x, plans.geometry, part, layer: layer)
        if x.isShapeOnly || scale.isShapeOnly || shift.isShapeOnly {
            let y = try Tensor(shapeOnly: shapes.output)
            try shapes.check(result: y, part, adding: false, epilogue, layer: layer)
            return y
        }
        var y = try Tensor(uninitialized: shapes.output, for: layer)
        var epilogue = epilogue
        epilogue.gate = try Tensor(
            Array([[Float]](repeating: scale.elements, count: shapes.output[0]).joined()),
            shape: [shapes.output[0], scale.count])
        try shapes.check(result: y, part, adding: false, epilogue, layer: layer)
        let call = try plans.prepared(
            for: shapes.input, settings: try Runtime.resolved(), layer: layer)
        let base = try y.uniqueBase()
        let end = epilogue.kernelValue(bias: shift.storage?.base)
        let run = Conv2dPartRun(call: call, part: part, output: shapes.output, layer: layer)
        try withExtendedLifetime((x, shift, epilogue, y)) { () throws(ProteanError) in
            try run(x.storage!.base, end, into: base)
        }
        return y
    }
}
