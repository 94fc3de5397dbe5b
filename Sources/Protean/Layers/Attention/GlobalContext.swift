/// Global context (GC): a bottleneck network on the map's context scales the channels, is added to
/// them, or both.
///
/// `context = Σ_p a_p · x_p` with a the softmax over all pixels of a 1 × 1 convolution of `x` to one
/// channel (or the mean of the pixels), and
/// `y = x · gate(net_scale(context)) + net_add(context)` with
/// `net(c) = W₂ · relu(layerNorm(W₁ · c + b₁)) + b₂`; either term may be missing. Cao, Xu, Lin, Wei,
/// Hu, "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond", arXiv 1904.11492.
///
/// Input and output `[batch, height, width, channels]`. Scores, softmax and weighted sum are one
/// read of the map (``Operations/contextPool(_:weight:bias:)``). Cost: two reads and one write of the
/// map, three multiply-adds per element, and 2 · channels · hiddenChannels per sample and network.
/// With weights and bias of zero in the last layer of `net_add` that term is zero; maps of one pixel
/// are their own context.
public final class GlobalContext: AcceptsEpilogue {
    /// The reference whose parameter names a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// mmcv's `ContextBlock`: `conv_mask`, and `channel_add_conv`, `channel_mul_conv` with parts
        /// `0`, `1` (a layer norm `[hidden, 1, 1]`, eps 1e-5) and `3`.
        case mmcv
        /// timm's `GlobalContext`: `conv_attn`, and `mlp_add`, `mlp_scale` with parts `fc1`, `norm`
        /// (`[hidden]`, eps 1e-6) and `fc2`.
        case timm
    }

    /// What the context does to the map; the scale comes first.
    public enum Fusion: Sendable, Hashable, CaseIterable {
        /// Is added to it.
        case add
        /// Scales it.
        case scale
    }

    /// Channels of the map.
    public let channels: Int
    /// Channels between the two layers of a network.
    public let hiddenChannels: Int
    /// Names of the parameters.
    public let variant: Variant
    /// What the context does to the map.
    public let fusions: Set<Fusion>
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// The scores' convolution; nil for means.
    private let scores: Conv2d?
    private let adding, scaling: ContextNetwork?
    private let gate: Activation

    /// A layer with seeded initial values. As in the references, the last weights of the added term
    /// are zero; in mmcv those of the scale too, and all their biases.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - hiddenChannels: channels between the two layers of a network.
    ///   - variant: names of the parameters.
    ///   - fusions: at least one.
    ///   - hasAttention: whether the context is weighted; otherwise it is the mean.
    ///   - activation: between the two layers; ReLU in variant mmcv.
    ///   - gate: of the scale; the sigmoid in variant mmcv.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, hiddenChannels: Int, variant: Variant = .mmcv,
        fusions: Set<Fusion> = [.add], hasAttention: Bool = true, activation: Activation = .relu,
        gate: Activation = .sigmoid, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "GlobalContext"
        try checkChannels(channels, "channels", layer: layer)
        try checkChannels(hiddenChannels, "hiddenChannels", layer: layer)
        guard !fusions.isEmpty else {
            throw .invalidOption(
                layer: layer, option: "fusions", expected: "add, scale or both", found: "none")
        }
        guard variant == .timm || activation == .relu && gate == .sigmoid else {
            throw .invalidOption(
                layer: layer, option: activation == .relu ? "gate" : "activation",
                expected: activation == .relu ? "sigmoid in variant mmcv" : "relu in variant mmcv",
                found: activation == .relu ? gate.name : activation.name)
        }
        self.channels = channels
        self.hiddenChannels = hiddenChannels
        self.variant = variant
        self.fusions = fusions
        self.gate = gate
        scores =
            hasAttention
            ? try Conv2d(inputChannels: channels, outputChannels: 1, kernelSize: 1, seed: seed)
            : nil
        func network(_ last: Activation, _ seed: UInt64) throws(ProteanError) -> ContextNetwork {
            try ContextNetwork(
                channels, hiddenChannels, variant, activation: activation, last: last, seed: seed)
        }
        adding = fusions.contains(.add) ? try network(.identity, seed &+ 1) : nil
        scaling = fusions.contains(.scale) ? try network(gate, seed &+ 3) : nil
        try adding?.zeroLast(bias: variant == .mmcv)
        if variant == .mmcv { try scaling?.zeroLast(bias: true) }
    }

    /// The scores' convolution and the networks under the variant's names, in its order.
    public var submodules: [NamedModule] {
        let isMMCV = variant == .mmcv
        var modules: [NamedModule] = []
        if let scores { modules.append(NamedModule(isMMCV ? "conv_mask" : "conv_attn", scores)) }
        if let adding {
            modules.append(NamedModule(isMMCV ? "channel_add_conv" : "mlp_add", adding))
        }
        if let scaling {
            modules.append(NamedModule(isMMCV ? "channel_mul_conv" : "mlp_scale", scaling))
        }
        return modules
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The map with its context.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, activation: .identity)
    }

    /// An activation.
    public var epilogueParts: EpilogueParts { .activation }

    /// The map with its context, followed by an epilogue.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try callAsFunction(x, activation: epilogue.activation)
    }

    /// activation(x · scale + shift), in one pass over the map; two with both terms and an
    /// activation.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(
        _ x: Tensor, activation: Activation
    ) throws(ProteanError) -> Tensor {
        let context = try context(of: x)
        let scale = try scaling?(context), shift = try adding?(context)
        let y = try traced(
            typeName, path: label, input: x,
            cost: { Cost(multiplyAdds: $0.count, bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in
            guard let scale else { return try Self.add(x, shift, activation) }
            guard let shift else {
                return try Operations.gate(x, by: scale, activation: activation, layer: place)
            }
            let pieces = try Operations.stack([scale, shift], axis: 1)
            return try Operations.activate(
                Operations.dynamicReLU(x, coefficients: pieces), activation)
        }
        if let scale {
            try AttentionRecord.note(path: place, input: x) { () throws(ProteanError) in scale }
        }
        return y
    }

    private static func add(
        _ x: Tensor, _ shift: Tensor?, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard let shift else { return x }
        return try Operations.add(
            x, shift.reshaped(to: [x.shape[0], 1, 1, x.shape[3]]), activation: activation)
    }

    /// The context of every sample, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func context(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        guard let scores else { return try Operations.globalAveragePool(x) }
        let parameters = channels + 1
        return try traced(
            typeName, path: label, input: x,
            cost: {
                Cost(
                    multiplyAdds: 2 * x.count, parameters: parameters,
                    bytes: (x.count + $0.count + parameters) * MemoryLayout<Float>.stride)
            }
        ) { () throws(ProteanError) in
            try Operations.contextPool(x, weight: scores.weight.value, bias: scores.bias?.value)
        }
    }
}

/// W₂ · relu(layerNorm(W₁ · c + b₁)) + b₂ on vectors.
private final class ContextNetwork: Module {
    let label: Label? = Label()

    private let first, second: Projection
    private let norm: ContextNorm
    private let stages: [GateNetwork]
    private let activation: Activation
    private let isMMCV: Bool

    init(
        _ channels: Int, _ hidden: Int, _ variant: GlobalContext.Variant, activation: Activation,
        last: Activation, seed: UInt64
    ) throws(ProteanError) {
        isMMCV = variant == .mmcv
        first = try Projection(from: channels, to: hidden, linear: false, bias: true, seed: seed)
        second = try Projection(
            from: hidden, to: channels, linear: false, bias: true, seed: seed &+ 1)
        norm = try ContextNorm(hidden, variant)
        stages = [GateNetwork([.init(first)]), GateNetwork([.init(second, last)])]
        self.activation = activation
    }

    func zeroLast(bias: Bool) throws(ProteanError) {
        try second.weight.set(Tensor(zeros: second.weight.shape))
        if bias, let parameter = second.bias { try parameter.set(Tensor(zeros: parameter.shape)) }
    }

    var submodules: [NamedModule] {
        let names = isMMCV ? ["0", "1", "3"] : ["fc1", "norm", "fc2"]
        return [
            NamedModule(names[0], first.module), NamedModule(names[1], norm),
            NamedModule(names[2], second.module),
        ]
    }

    /// `[batch, channels]` in and out.
    func callAsFunction(_ context: Tensor) throws(ProteanError) -> Tensor {
        try traced(
            "GlobalContext", path: label, input: context,
            cost: { _ in
                stages.reduce(Cost(parameters: norm.parameterCount)) {
                    $0 + $1.cost(batch: context.shape[0])
                }
            }
        ) { () throws(ProteanError) in
            try stages[1](norm(stages[0](context), activation))
        }
    }
}

/// A layer norm of hidden vectors, with the shape of its reference's parameters.
private final class ContextNorm: Module {
    private let weight, bias: Parameter
    private let epsilon: Float

    init(_ channels: Int, _ variant: GlobalContext.Variant) throws(ProteanError) {
        let isMMCV = variant == .mmcv
        let shape = isMMCV ? [channels, 1, 1] : [channels]
        weight = try Parameter(repeating: 1, shape: shape, layer: "GlobalContext")
        bias = try Parameter(repeating: 0, shape: shape, layer: "GlobalContext")
        epsilon = isMMCV ? 1e-5 : 1e-6
    }

    var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    func callAsFunction(
        _ x: Tensor, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        try Operations.layerNorm(
            x, weight: weight.value.reshaped(to: [weight.count]),
            bias: bias.value.reshaped(to: [bias.count]), epsilon: epsilon, activation: activation)
    }
}
