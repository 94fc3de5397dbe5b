/// Layers in sequence of which some take further inputs; all of these get the further inputs of the
/// call.
///
/// Examples are an EfficientNet block with CondConv, where one routing serves all convolutions, and
/// a network whose layers are all modulated by one condition. Plain ``Layer``s get only the
/// previous layer's result. Norms and activations are fused as in ``Sequential``. Parts keep their
/// paths as in ``Sequential``.
///
/// ```swift
/// let block = try MultiInputSequential([conv1, norm1, SiLU(), conv2, norm2])   // conv: CondConv2d
/// let y = try block(x, with: [routing])
/// ```
public final class MultiInputSequential: MultiInputLayer {
    /// The layers under their names, in order.
    public let submodules: [NamedModule]
    /// Names of the further inputs.
    public let inputNames: [String]
    /// Number of further inputs that are required.
    public let requiredInputs: Int
    /// The channels of the first and the last layer, as far as they are known.
    public let channelFlow: ChannelFlow
    /// Where the container stands in a model.
    public let label: Label? = Label()
    private let steps: FusedSteps

    /// Layers named by their position.
    ///
    /// - Throws: as ``init(named:)``.
    public convenience init(_ layers: [any Module]) throws(ProteanError) {
        try self.init(named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    /// Layers under given names, at least one of which takes further inputs; all of these take the
    /// same inputs.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a name that occurs
    ///   twice, for a module that is neither a ``Layer`` nor a ``MultiInputLayer``, and when inputs have
    ///   different names; ``ProteanError/channelMismatch(container:layer:expected:previous:found:)`` when
    ///   neighbours cannot fit together.
    public init(named layers: [(String, any Module)]) throws(ProteanError) {
        let container = "MultiInputSequential"
        submodules = try ModuleList.checked(layers, container: container)
        channelFlow = try ModuleList.flow(of: layers, container: container) {
            ($0 as? any Layer)?.channelFlow ?? ($0 as? any MultiInputLayer)?.channelFlow
                ?? .unknown
        }
        let takers = layers.compactMap { $0.1 as? any MultiInputLayer }
        guard let first = takers.first else {
            throw .invalidOption(
                layer: container, option: "layers", expected: "at least one MultiInputLayer",
                found: "none")
        }
        for layer in takers where layer.inputNames != first.inputNames {
            throw .invalidOption(
                layer: container, option: "layers",
                expected: "the same further inputs for all, \(first.inputNames)",
                found: "\(layer.inputNames) for \(layer.typeName)")
        }
        inputNames = first.inputNames
        requiredInputs = takers.map(\.requiredInputs).max() ?? first.requiredInputs
        steps = try FusedSteps(layers, container: container)
    }

    /// The parts that the last layer's kernel can apply.
    public var epilogueParts: EpilogueParts { steps.epilogueParts }

    /// The last layer's result; `inputs` go to every layer that takes further inputs.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or one is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue = Conv2dEpilogue()
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try steps(
            x, with: inputs, epilogue: epilogue.isEmpty ? nil : epilogue, place: place)
    }
}
