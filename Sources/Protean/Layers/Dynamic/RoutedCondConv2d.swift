/// A ``CondConv2d`` with a sigmoid routing of its own:
/// `y = conv(x, routing: sigmoid(routing_fn(globalAveragePool(x))))`.
///
/// Input and output as for ``Conv2d``. Parameters: those of the convolution, `weight` and `bias`, and
/// `routing_fn.weight` `[experts, in]`, `routing_fn.bias` `[experts]`, the names in timm's blocks.
/// The norm, the activation and the residual after it run in its kernel. In EfficientNet's blocks one
/// routing serves three convolutions instead: a ``MultiInputSequential`` in a ``SelfConditioned``.
/// Cost: that of ``CondConv2d`` and of ``CondConvRouting``.
public final class RoutedCondConv2d: FoldsNorm, MixesExperts {
    /// The convolution.
    public let convolution: CondConv2d
    /// The routing.
    public let routing: CondConvRouting
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let plans: Conv2dPlanCache

    /// A routing for `convolution`, with seeded weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(_ convolution: CondConv2d, seed: UInt64 = 0) throws(ProteanError) {
        self.convolution = convolution
        routing = try CondConvRouting(
            channels: convolution.geometry.inputChannels, experts: convolution.experts, seed: seed)
        plans = Conv2dPlanCache(
            weight: convolution.weight, bias: convolution.bias, experts: convolution.experts,
            geometry: convolution.geometry)
    }

    var geometry: Conv2dGeometry { convolution.geometry }
    var experts: Int { convolution.experts }
    var weight: Parameter { convolution.weight }
    var bias: Parameter? { convolution.bias }

    /// `weight` and, if there is one, `bias`.
    public var parameters: [NamedParameter] { convolution.parameters }

    /// `routing_fn`.
    public var submodules: [NamedModule] { [NamedModule("routing_fn", routing)] }

    /// The convolution's channels.
    public var channelFlow: ChannelFlow { convolution.channelFlow }

    /// The convolution's.
    public var epilogueParts: EpilogueParts { convolution.epilogueParts }

    /// The convolution of each sample with its own mixture of experts.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, epilogue: Conv2dEpilogue())
    }

    /// The same, with an epilogue applied to the sums before they are stored.
    ///
    /// - Throws: ``ProteanError`` when `x`, the residual or the gate do not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try run(x, plans, epilogue)
    }

    func run(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        let weights = try routing.applied(to: x, as: "routing_fn")
        return try convolution.run(
            x, routing: weights, plans: plans, epilogue: epilogue, place: place, label: label)
    }
}
