/// A part of a network that turns features into features.
///
/// Stages run in order; between them rows may leave. See ``ExitNetwork``.
public protocol Stage: Module {
    /// Reads and writes features of the rows that are still there.
    ///
    /// - Throws: ``ProteanError`` when a feature is missing or does not fit.
    func run(_ features: inout Features) throws(ProteanError)
}

/// A stage that applies one layer to one feature.
public final class LayerStage: Stage {
    /// The layer's parts: the stage adds nothing to their paths.
    public var submodules: [NamedModule] { layer.submodules }
    /// The layer's parameters.
    public var parameters: [NamedParameter] { layer.parameters }
    /// The layer's label.
    public var label: Label? { layer.label }

    private let layer: any Layer
    private let reads: String
    private let writes: String

    /// - Parameters:
    ///   - layer: the layer.
    ///   - reads: the feature it is applied to.
    ///   - writes: the feature that becomes its result; by default the same.
    public init(_ layer: any Layer, reads: String = "x", writes: String? = nil) {
        self.layer = layer
        self.reads = reads
        self.writes = writes ?? reads
    }

    /// Applies the layer. Throws as the layer does.
    public func run(_ features: inout Features) throws(ProteanError) {
        try features.set(writes, try layer(try features.tensor(reads)))
    }
}

/// A part of a network that makes logits of features.
public protocol ExitHead: Module {
    /// The logits of the rows that are still there, `[rows, classes]`.
    ///
    /// - Parameters:
    ///   - features: what the stages so far have made.
    ///   - previous: the logits of the exit before for the same rows; nil at the first.
    /// - Throws: ``ProteanError`` when a feature is missing or does not fit.
    func logits(
        _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor
}

/// A head that applies one layer to one feature.
public final class LayerHead: ExitHead {
    /// The layer's parts: the head adds nothing to their paths.
    public var submodules: [NamedModule] { layer.submodules }
    /// The layer's parameters.
    public var parameters: [NamedParameter] { layer.parameters }
    /// The layer's label.
    public var label: Label? { layer.label }

    private let layer: any Layer
    private let reads: String

    /// - Parameters:
    ///   - layer: from the feature to `[rows, classes]`.
    ///   - reads: the feature it is applied to.
    public init(_ layer: any Layer, reads: String = "x") {
        self.layer = layer
        self.reads = reads
    }

    /// The layer's result. Throws as the layer does.
    public func logits(
        _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        try layer(try features.tensor(reads))
    }
}
