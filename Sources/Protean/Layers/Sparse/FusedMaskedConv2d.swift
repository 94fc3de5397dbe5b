/// A convolution at the active pixels of a mask, the batch norm after it and an activation, run as
/// one kernel; see ``FusedConv2d`` and ``MaskedConv2d``.
///
/// Not a module: it refers to layers that stand elsewhere in a model.
public final class FusedMaskedConv2d: Sendable {
    let conv: Conv2d
    let norm: BatchNorm2d?
    let activation: Activation
    private let geometry: Conv2dGeometry
    private let folded = FoldedWeights()

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's
    ///   channels are not the convolution's.
    public init(
        _ conv: Conv2d, _ norm: BatchNorm2d? = nil, _ activation: Activation = .identity
    ) throws(ProteanError) {
        let channels = conv.geometry.outputChannels
        if let norm, norm.channels != channels {
            throw .invalidOption(
                layer: "FusedMaskedConv2d", option: "channels of the batch norm",
                expected: "\(channels)", found: "\(norm.channels)")
        }
        self.conv = conv
        self.norm = norm
        self.activation = activation
        var geometry = conv.geometry
        geometry.algorithm = .direct
        self.geometry = geometry
    }

    /// A dense map: activation(norm(conv(x)) + residual) where `mask` is active, `inactive` elsewhere.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func callAsFunction(
        _ x: Tensor, from input: MaskedInput = .map, mask: MaskPlan,
        inactive: InactiveOutputs = .zeros, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try run(x, mask) { (weights) throws(ProteanError) in
            try Operations.maskedConv2d(
                x, from: input, weights, outputs: mask, inactive: inactive,
                epilogue: epilogue(residual), layer: conv.place)
        }
    }

    /// Compact rows `[active pixels, channels]` in the mask's order.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func rows(
        _ x: Tensor, from input: MaskedInput = .map, mask: MaskPlan, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try run(x, mask) { (weights) throws(ProteanError) in
            try Operations.maskedConv2dRows(
                x, from: input, weights, outputs: mask, epilogue: epilogue(residual),
                layer: conv.place)
        }
    }

    /// Writes the active outputs into `y` and leaves other pixels as they are, except that those
    /// that are active in `previous` only become 0. With `addsToResult`, `y`'s own pixels are the
    /// residual.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func update(
        _ y: inout Tensor, with x: Tensor, from input: MaskedInput = .map, mask: MaskPlan,
        previous: MaskPlan? = nil, addsToResult: Bool = false
    ) throws(ProteanError) {
        // The result is taken out while it is written, so that nobody else holds it.
        var map = y
        y = try Tensor(shapeOnly: y.shape)
        defer { y = map }
        _ = try run(x, mask) { (weights) throws(ProteanError) in
            try Operations.updateMaskedConv2d(
                &map, with: x, from: input, weights, outputs: mask, previous: previous,
                addsToResult: addsToResult, epilogue: epilogue(nil), layer: conv.place)
            return try Tensor(shapeOnly: map.shape)
        }
    }

    private func epilogue(_ residual: Tensor?) -> Conv2dEpilogue {
        Conv2dEpilogue(activation: activation, residual: residual)
    }

    private func run(
        _ x: Tensor, _ mask: MaskPlan, _ body: (PackedConv2d) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> Tensor {
        try traced("MaskedConv2d", path: conv.label, input: x, cost: { _ in cost(x, mask) }) {
            () throws(ProteanError) in
            let depthwise =
                geometry.groups == geometry.inputChannels
                && geometry.groups == geometry.outputChannels
            let weights = try folded.packed(
                weight: conv.weight, bias: conv.bias, norm: norm, geometry: geometry,
                algorithm: depthwise ? .depthwise : .direct, isa: Runtime.isa(), layer: conv.place)
            return try body(weights)
        }
    }

    /// All outputs in theory, the active ones in fact.
    private func cost(_ x: Tensor, _ mask: MaskPlan) -> Cost {
        let perPixel = geometry.outputChannels * geometry.fanIn
        let parameters = conv.weight.count + (conv.bias?.count ?? 0)
        let outputs = mask.count * geometry.outputChannels
        return Cost(
            multiplyAdds: mask.pixelCount * perPixel,
            executedMultiplyAdds: mask.count * perPixel, parameters: parameters,
            bytes: (x.count + outputs + parameters) * MemoryLayout<Float>.stride)
    }
}
