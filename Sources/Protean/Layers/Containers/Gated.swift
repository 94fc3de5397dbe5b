/// A module that computes from a map the factors by which a map is multiplied: channel, spatial and
/// element-wise attention.
///
/// ``Gated`` multiplies by them. ``SqueezeExcitation`` is a gate; a custom gate implements
/// ``gates(of:)``, and containers treat it in the same way. The same module can also be used for
/// other purposes, such as a decision that depends on its factors.
public protocol Gate: Module {
    /// The factors for `x`, `[batch, height, width, channels]`: `[batch, channels]` or
    /// `[batch, 1, 1, channels]` (per channel), `[batch, height, width, 1]` (per pixel), or one per
    /// element, in the shape of the map that they multiply.
    ///
    /// Given a tensor that carries a shape only, returns the gates' shape without computing.
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func gates(of x: Tensor) throws(ProteanError) -> Tensor

    /// activation(y · gates(of: x) + residual). A gate that can apply its factors without making a
    /// tensor of them has a form of its own; others leave it to the default.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    func scaling(
        _ y: Tensor, byGatesOf x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor
}

extension Gate {
    /// activation(y · gates(of: x) + residual), traced under this module. The gate's parts are
    /// traced separately.
    ///
    /// - Parameters:
    ///   - y: the map that is multiplied.
    ///   - x: the map from which the gates are computed; `y` itself for attention.
    ///   - residual: shaped like `y`, or nil.
    ///   - activation: applied last.
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func scaling(
        _ y: Tensor, byGatesOf x: Tensor, residual: Tensor? = nil,
        activation: Activation = .identity
    ) throws(ProteanError) -> Tensor {
        let gates = try gates(of: x)
        let scaled = try traced(
            typeName, path: label, input: y,
            cost: { Cost(multiplyAdds: $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.gate(
                y, by: gates, residual: residual, activation: activation, layer: place)
        }
        try AttentionRecord.note(path: place, input: y) { () throws(ProteanError) in gates }
        return scaled
    }
}

/// A map multiplied by the factors that a ``Gate`` computes.
///
/// `y = x · gate(x)`, or with a layer `y = layer(x) · gate(x)`, the gates computed from the layer's
/// *input* as in feature boosting and suppression (Gao et al., arXiv 1810.05331). With one gate per
/// sample and channel, a layer whose kernel applies gates (``EpilogueParts/gate``, for example a
/// convolution without bias) multiplies while its sums are in registers.
///
/// Parts are named `gate` and, if there is one, `layer`. Cost: that of the parts, one multiply-add per
/// element.
public final class Gated: AcceptsEpilogue {
    /// The module that computes the factors.
    public let gate: any Gate
    /// The layer that computes the map; nil for the input itself.
    public let layer: (any Layer)?
    /// The layer, if its kernel can apply gates and the rest of the epilogue.
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

    /// The layer's channels; without a layer the number of channels stays the same.
    public var channelFlow: ChannelFlow { layer?.channelFlow ?? .unchanged }

    /// An activation; also a residual if the layer's kernel applies gate and residual.
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
        guard epilogue.gate == nil, epilogue.factor == nil, !epilogue.residualAfterActivation
        else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        if let kernel { return try fused(kernel, x, epilogue) }
        let y = try layer?.applied(to: x, as: "layer") ?? x
        return try gate.scaling(
            y, byGatesOf: x, residual: epilogue.residual, activation: epilogue.activation)
    }

    /// Uses one kernel for gates per sample and channel, otherwise two.
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
