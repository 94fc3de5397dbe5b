/// A convolution, the batch norm after it and an activation, run as one kernel.
///
/// Not a module: it refers to layers that are part of a model under their own names, and holds the
/// folded weights. ``Sequential`` makes these automatically; a model with a hand-written call makes
/// one per convolution.
///
/// ```swift
/// let fused = try FusedConv2d(conv1, bn1, .relu)
/// let y = try fused(x, residual: shortcut)   // relu(bn1(conv1(x)) + shortcut)
/// ```
public final class FusedConv2d: EpilogueKernel {
    let conv: Conv2d
    let activation: Activation
    let plans: Conv2dPlanCache
    /// The same weights as a set that is multiplied by a sample's gates.
    let gatedPlans: Conv2dPlanCache

    /// Fuses `conv`, then `norm`, then `activation`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the norm's
    ///   channels are not the convolution's.
    public init(
        _ conv: Conv2d, _ norm: (any FoldableNorm)? = nil, _ activation: Activation = .identity
    ) throws(ProteanError) {
        try norm?.check(follows: conv.geometry, layer: "FusedConv2d")
        self.conv = conv
        self.activation = activation
        plans = Conv2dPlanCache(
            weight: conv.weight, bias: conv.bias, norm: norm, geometry: conv.geometry)
        gatedPlans = Conv2dPlanCache(
            weight: conv.weight, bias: conv.bias, norm: norm, experts: 1, geometry: conv.geometry)
    }

    /// activation(norm(conv(x)) + residual).
    ///
    /// - Throws: ``ProteanError`` when `x` or `residual` do not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try conv.run(x, plans: plans, epilogue: epilogue)
    }

    /// activation(norm(conv(x)) + residual) of some rows of `x`, written to some rows of a map that is
    /// there: with `adding`, the residual is what `y` holds, so that a residual block runs in place on
    /// the rows that need it.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - inputRows: the rows of `x` that are read; nil for all.
    ///   - outputRows: the rows of `y` that are written, as many; nil for all.
    ///   - y: `[rows, height', width', out]`; other rows keep their values.
    ///   - adding: adds the values that the written rows of `y` have.
    ///   - residual: a map of `y`'s shape, or nil.
    /// - Throws: ``ProteanError`` when a tensor or a list does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, inputRows: RowPlan?, outputRows: RowPlan?, into y: inout Tensor,
        adding: Bool = false, residual: Tensor? = nil
    ) throws(ProteanError) {
        let part = Conv2dPart(inputRows: inputRows, outputRows: outputRows)
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        try conv.run(x, part, plans: plans, into: &y, adding: adding, epilogue: epilogue)
    }

    /// activation(norm(conv(x)) + residual) of some rows of `x` as a compact batch, read in place;
    /// `residual` has the result's shape.
    ///
    /// - Throws: ``ProteanError`` when a tensor or the list does not fit or memory is short.
    public func callAsFunction(
        _ x: Tensor, rows: RowPlan, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try conv.run(x, rows: rows, plans: plans, epilogue: epilogue)
    }

    /// A factor; if it has no activation also an activation and a residual, and a gate if neither a
    /// bias nor a norm's shift is added after it.
    public var epilogueParts: EpilogueParts {
        if activation != .identity { return .factor }
        let hasShift = conv.bias != nil || plans.norm != nil
        return hasShift ? [.activation, .residual, .factor] : [.all, .factor]
    }

    /// norm(conv(x)) followed by this kernel's activation and by `epilogue`.
    ///
    /// - Throws: ``ProteanError`` when `x`, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: conv.place)
        }
        var epilogue = epilogue
        if activation != .identity { epilogue.activation = activation }
        return try conv.run(x, plans: plans, epilogue: epilogue)
    }

    /// activation(norm(conv(x)) + residual) where x is the concatenation of several maps along the
    /// channels, as in DenseNet (Huang et al., arXiv 1608.06993).
    ///
    /// A 1 × 1 convolution without stride, padding and groups that is computed directly reads maps
    /// of equal shapes in place; bits are those of the concatenated map. Otherwise they are
    /// concatenated first. Cost: that of the convolution and, if needed, of the concatenation.
    /// - Parameters:
    ///   - maps: at least one, `[batch, height, width, channels]`; shapes agree except for the
    ///     channels.
    ///   - residual: a map of the result's shape.
    /// - Returns: `[batch, height', width', out]`, as for ``Conv2d``.
    /// - Throws: ``ProteanError`` when the maps or `residual` do not fit.
    public func callAsFunction(
        concatenating maps: [Tensor], residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        if maps.count == 1 { return try callAsFunction(maps[0], residual: residual) }
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try conv.run(concatenating: maps, plans: plans, epilogue: epilogue)
    }
}
