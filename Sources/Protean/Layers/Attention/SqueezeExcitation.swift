/// Squeeze-and-excitation: channels are scaled by a gate computed from their means.
///
/// `y = x · gate(W₂ · act(W₁ · mean(x) + b₁) + b₂)`, the mean over height and width per channel.
/// Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks", arXiv 1709.01507. The effective
/// form has one layer, `y = x · gate(W · mean(x) + b)`: Lee, Park, "CenterMask", arXiv 1911.06667.
///
/// Input and output `[batch, height, width, channels]`. The two layers are one call on vectors that
/// stay in the first-level cache. Cost: 2 · channels · squeezeChannels multiply-adds per sample, one
/// per element, and one read and one write of the map in addition to the pooling's read. A map of
/// one pixel is its own mean.
public final class SqueezeExcitation: SelfGating {
    /// The reference whose parameter names and shapes a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// timm's `SEModule`: `fc1`, `fc2`, 1 × 1 convolutions with bias, and `bn` between them if
        /// there is a norm.
        case timm
        /// timm's `SqueezeExcite` of EfficientNet: `conv_reduce`, `conv_expand`, with bias.
        case timmEfficientNet = "timm_efficientnet"
        /// torchvision's `SqueezeExcitation`: `fc1`, `fc2`, 1 × 1 convolutions with bias.
        case torchvision
        /// moskomule's `SELayer`: `fc.0`, `fc.2`, linear layers without bias.
        case linear
        /// The authors' networks for Caffe: `1x1_down`, `1x1_up`, 1 × 1 convolutions with bias.
        case caffe
        /// timm's `EffectiveSEModule`: `fc` alone, a 1 × 1 convolution with bias, and the hard
        /// sigmoid as the gate.
        case effective
    }

    /// Channels of the map.
    public let channels: Int
    /// Channels between the two layers; ``channels`` in the effective form.
    public let squeezeChannels: Int
    /// Names and shapes of the parameters.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// The first layer; nil in the effective form.
    private let reduce: Projection?
    private let norm: BatchNorm2d?
    private let expand: Projection
    private let network: GateNetwork
    private let addMaximum: Bool

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - squeezeChannels: channels between the two layers; `channels` in the effective form.
    ///   - variant: names and shapes of the parameters.
    ///   - activation: between the two layers.
    ///   - gate: after the last layer; nil for the variant's default, the hard sigmoid in the
    ///     effective form and the sigmoid in the others.
    ///   - bias: whether the layers have one; nil for the variant's default.
    ///   - addMaximum: pools half the mean plus half the maximum (timm's `add_maxpool`).
    ///   - hasNorm: whether a batch norm follows the first layer (timm's `norm_layer`); for the
    ///     variant `timm` only.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int, variant: Variant = .torchvision,
        activation: Activation = .relu, gate: Activation? = nil, bias: Bool? = nil,
        addMaximum: Bool = false, hasNorm: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        try Self.check(channels, squeezeChannels, variant, hasNorm)
        self.channels = channels
        self.squeezeChannels = squeezeChannels
        self.variant = variant
        self.addMaximum = addMaximum
        let isLinear = variant == .linear
        func projection(
            _ inputs: Int, _ outputs: Int, _ seed: UInt64
        ) throws(ProteanError) -> Projection {
            try Projection(
                from: inputs, to: outputs, linear: isLinear, bias: bias ?? !isLinear, seed: seed)
        }
        let isEffective = variant == .effective
        let first = isEffective ? nil : try projection(channels, squeezeChannels, seed)
        let norm = hasNorm ? try BatchNorm2d(channels: squeezeChannels) : nil
        let second = try projection(squeezeChannels, channels, seed &+ 1)
        var stages = [
            GateNetwork.Stage(second, gate ?? (isEffective ? .hardSigmoid : .sigmoid))
        ]
        if let first { stages.insert(.init(first, norm: norm, activation), at: 0) }
        reduce = first
        self.norm = norm
        expand = second
        network = GateNetwork(stages)
    }

    private static func check(
        _ channels: Int, _ squeezeChannels: Int, _ variant: Variant, _ hasNorm: Bool
    ) throws(ProteanError) {
        let layer = "SqueezeExcitation"
        try checkChannels(channels, "channels", layer: layer)
        try checkChannels(squeezeChannels, "squeezeChannels", layer: layer)
        guard variant != .effective || squeezeChannels == channels else {
            throw .invalidOption(
                layer: layer, option: "squeezeChannels",
                expected: "\(channels), the channels, in the effective form",
                found: "\(squeezeChannels)")
        }
        guard !hasNorm || variant == .timm else {
            throw .invalidOption(
                layer: layer, option: "hasNorm", expected: "false but for the variant timm",
                found: "true")
        }
    }

    /// A layer whose squeeze width is `channels / reduction`, rounded as the variant's reference
    /// does: timm's `SEModule` to a multiple of 8, torchvision's MobileNetV3 to a multiple of 8 but
    /// not below 0.9 of it, others down. The effective form takes a reduction of 1.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public convenience init(
        channels: Int, reduction: Int, variant: Variant = .torchvision, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "SqueezeExcitation")
        try checkChannels(reduction, "reduction", layer: "SqueezeExcitation")
        let ratio = Double(channels) / Double(reduction)
        let width =
            switch variant {
            case .timm: makeDivisible(ratio, by: 8, roundLimit: 0)
            case .timmEfficientNet: Int(ratio.rounded(.toNearestOrEven))
            case .torchvision: makeDivisible(Double(channels / reduction), by: 8, roundLimit: 0.9)
            case .linear, .caffe, .effective: channels / reduction
            }
        try self.init(
            channels: channels, squeezeChannels: width, variant: variant, seed: seed)
    }

    /// The layers under the variant's names.
    public var submodules: [NamedModule] {
        let names: (reduce: String, expand: String) =
            switch variant {
            case .timm, .torchvision: ("fc1", "fc2")
            case .timmEfficientNet: ("conv_reduce", "conv_expand")
            case .linear: ("fc.0", "fc.2")
            case .caffe: ("1x1_down", "1x1_up")
            case .effective: ("", "fc")
            }
        var modules = reduce.map { [NamedModule(names.reduce, $0.module)] } ?? []
        if let norm { modules.append(NamedModule("bn", norm)) }
        return modules + [NamedModule(names.expand, expand.module)]
    }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        return try traced(
            typeName, path: label, input: x,
            cost: { network.cost(batch: x.shape[0]) + .moving(x, $0) }
        ) { () throws(ProteanError) in try network(pooled(x)) }
    }

    private func pooled(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard addMaximum else { return try Operations.globalAveragePool(x) }
        let both = try Operations.split(
            Operations.channelStatistics(x, [.mean, .maximum]), sizes: [1, 1], axis: 1)
        let sum = try Operations.add(both[0], both[1])
        return try Operations.multiply(sum, Tensor(repeating: 0.5, shape: [1]))
            .reshaped(to: [x.shape[0], channels])
    }
}

/// The multiple of `divisor` nearest to `value`, but at least `divisor`, and one step up if it
/// would be less than `roundLimit` · `value`: the rounding of channel counts in MobileNets.
public func makeDivisible(_ value: Double, by divisor: Int, roundLimit: Double = 0.9) -> Int {
    let step = Double(divisor)
    var rounded = max(step, ((value + step / 2) / step).rounded(.down) * step)
    if rounded < roundLimit * value { rounded += step }
    return Int(rounded)
}
