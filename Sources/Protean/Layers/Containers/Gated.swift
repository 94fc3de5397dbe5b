/// A module that computes, from a map, numbers to multiply a map by: channel, spatial and element-wise
/// attention.
///
/// ``Gated`` multiplies by them. ``SqueezeExcitation`` is a gate; a gate of your own implements
/// ``gates(of:)``, and containers treat it like ours. What the numbers are used for is not the gate's
/// affair: a rule that decides by them may take the same module.
public protocol Gate: Module {
    /// The numbers for `x`, `[batch, height, width, channels]`: `[batch, channels]` or
    /// `[batch, 1, 1, channels]` (per channel), `[batch, height, width, 1]` (per pixel), or one per
    /// element, in the shape of the map that they multiply.
    ///
    /// Given a tensor that carries a shape only, returns the gates' shape without computing.
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func gates(of x: Tensor) throws(ProteanError) -> Tensor
}

extension Gate {
    /// activation(y · gates(of: x) + residual), traced as this module's own work. The gate's parts are
    /// traced by themselves.
    ///
    /// - Parameters:
    ///   - y: the map that is multiplied.
    ///   - x: what the gates follow from; `y` itself for attention.
    ///   - residual: shaped like `y`, or nil.
    ///   - activation: applied last.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func scaling(
        _ y: Tensor, byGatesOf x: Tensor, residual: Tensor? = nil,
        activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let gates = try gates(of: x)
        return try traced(
            typeName, path: label, input: y,
            cost: { Cost(multiplyAdds: $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.gate(
                y, by: gates, residual: residual, activation: activation, layer: place)
        }
    }
}

/// A map multiplied by the numbers that any ``Gate`` computes.
///
/// `y = x · gate(x)`, or with a layer `y = layer(x) · gate(x)`, the gates computed from the layer's
/// *input* as in feature boosting and suppression (Gao et al., arXiv 1810.05331). A layer that takes a
/// gate in its kernel (``EpilogueParts/gate``: a convolution without bias, say) multiplies while its sums
/// are in registers, where there is one gate per sample and channel.
///
/// Parts are named `gate` and, if there is one, `layer`. Cost: that of the parts, one multiply-add per
/// element.
public final class Gated: AcceptsEpilogue {
    /// What computes the numbers.
    public let gate: any Gate
    /// What computes the map; nil for the input itself.
    public let layer: (any Layer)?
    /// The layer, if it can multiply by gates and do what follows in its own pass.
    private let kernel: (any EpilogueKernel)?

    /// `x · gate(x)`.
    public init(_ gate: any Gate) {
        self.gate = gate
        layer = nil
        kernel = nil
    }

    /// `layer(x) · gate(x)`.
    public init(_ layer: any Layer, by gate: any Gate) {
        self.gate = gate
        self.layer = layer
        kernel = layer.kernel(doing: .all)
    }

    /// `gate` and, if there is one, `layer`.
    public var submodules: [NamedModule] {
        [NamedModule("gate", gate)] + (layer.map { [NamedModule("layer", $0)] } ?? [])
    }

    /// The layer's channels; as many out as in without one.
    public var channelFlow: ChannelFlow { layer?.channelFlow ?? .unchanged }

    /// An activation; a residual too where the layer's kernel takes gate and residual.
    public var epilogueParts: EpilogueParts {
        kernel == nil ? .activation : [.activation, .residual]
    }

    /// The gated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or the gates do not fit the map.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, epilogue: Conv2dEpilogue())
    }

    /// activation(gated map + residual).
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogue.gate == nil, !epilogue.residualAfterActivation else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        if let kernel { return try fused(kernel, x, epilogue) }
        let y = try layer?.applied(to: x, as: "layer") ?? x
        return try gate.scaling(
            y, byGatesOf: x, residual: epilogue.residual, activation: epilogue.activation)
    }

    /// The result of one kernel where gates are per sample and channel; of two otherwise.
    private func fused(
        _ kernel: any EpilogueKernel, _ x: Tensor, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        var gates = try gate.gates(of: x)
        let channels = gates.shape.last ?? 0
        if gates.rank == 4, gates.shape == [gates.shape[0], 1, 1, channels] {
            gates = try gates.reshaped(to: [gates.shape[0], channels])
        }
        guard gates.rank == 2 else {
            let y = try layer?.applied(to: x, as: "layer") ?? x
            return try Operations.gate(
                y, by: gates, residual: epilogue.residual, activation: epilogue.activation,
                layer: place)
        }
        var epilogue = epilogue
        epilogue.gate = gates
        do throws(ProteanError) {
            return try kernel(x, epilogue: epilogue)
        } catch {
            throw error.positioned("layer", of: layer ?? self)
        }
    }
}
