/// A soft gate with exact zeros: scores relu(tanh(z)) of a layer's result z, in 0 ..< 1.
///
/// With ``Rule/nonzero`` a path whose z is 0 or below is closed, and another has its score as
/// weight (Li et al., "Learning Dynamic Routing for Semantic Segmentation", arXiv 2003.10401, where
/// the last bias starts at 1.5, score 0.905).
public final class TanhReLUGate: DecisionGate {
    /// The layer's parts.
    public var submodules: [NamedModule] { layer.submodules }
    /// The layer's parameters.
    public var parameters: [NamedParameter] { layer.parameters }
    /// The layer's label.
    public var label: Label? { layer.label }

    private let layer: any Layer

    /// A gate of a layer that gives one number per row and path: `[rows, paths]`, or with further
    /// axes of size 1.
    public init(_ layer: any Layer) { self.layer = layer }

    /// relu(tanh(z)), `[rows, paths]`. Throws as the layer does.
    public func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        let z = try layer(x)
        let shape = [z.shape.first ?? 0, z.shape.dropFirst().reduce(1, *)]
        return try Operations.activate(
            try Operations.activate(try z.reshaped(to: shape), .tanh), .relu)
    }
}
