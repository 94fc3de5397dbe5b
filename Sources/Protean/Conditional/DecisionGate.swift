/// A module that scores the actions of a decision from features of the running network.
///
/// A ``Rule`` turns the scores into a ``Choice``. A gate that carries a state over depth is a
/// ``StatefulLayer`` as well, and its network keeps the state.
public protocol DecisionGate: Module {
    /// The scores of all actions for every row, `[rows, actions]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    func scores(_ x: Tensor) throws(ProteanError) -> Tensor
}

/// A gate made of a layer whose result is `[rows, actions]`.
public final class LayerDecisionGate: DecisionGate {
    /// The layer, under the name that it was given.
    public let submodules: [NamedModule]
    private let layer: any Layer

    /// A gate of `layer`, whose parameters keep their paths below `name`.
    public init(_ layer: any Layer, name: String = "gate") {
        self.layer = layer
        submodules = [NamedModule(name, layer)]
    }

    /// The layer's result, with all axes but the first joined.
    public func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        let y = try layer(x)
        return try y.reshaped(to: [y.shape.first ?? 0, y.shape.dropFirst().reduce(1, *)])
    }
}
