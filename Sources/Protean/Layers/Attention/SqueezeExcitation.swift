/// Squeeze-and-excitation: channels are scaled by a gate computed from their means.
///
/// `y = x · gate(W₂ · act(W₁ · mean(x) + b₁) + b₂)`, the mean over height and width per channel.
/// Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks", arXiv 1709.01507.
///
/// Input and output `[batch, height, width, channels]`. Cost: 2 · channels · squeezeChannels
/// multiply-adds per sample, one per element, and one read and one write of the map in addition to
/// the pooling's read.
public final class SqueezeExcitation: Gate, AcceptsEpilogue {
    /// The reference whose parameter names and shapes a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// timm's `SEModule`: `fc1`, `fc2`, 1 × 1 convolutions with bias.
        case timm
        /// timm's `SqueezeExcite` of EfficientNet: `conv_reduce`, `conv_expand`, with bias.
        case timmEfficientNet = "timm_efficientnet"
        /// torchvision's `SqueezeExcitation`: `fc1`, `fc2`, 1 × 1 convolutions with bias.
        case torchvision
        /// moskomule's `SELayer`: `fc.0`, `fc.2`, linear layers without bias.
        case linear
    }

    /// Channels of the map.
    public let channels: Int
    /// Channels between the two layers.
    public let squeezeChannels: Int
    /// Names and shapes of the parameters.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let reduce, expand: Projection
    private let activation, gate: Activation
    private let addMaximum: Bool

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - squeezeChannels: channels between the two layers.
    ///   - variant: names and shapes of the parameters.
    ///   - activation: between the two layers.
    ///   - gate: after the second layer.
    ///   - bias: whether the layers have one; nil for the variant's default.
    ///   - addMaximum: pools half the mean plus half the maximum (timm's `add_maxpool`).
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int, variant: Variant = .torchvision,
        activation: Activation = .relu, gate: Activation = .sigmoid, bias: Bool? = nil,
        addMaximum: Bool = false, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "SqueezeExcitation")
        try checkChannels(squeezeChannels, "squeezeChannels", layer: "SqueezeExcitation")
        self.channels = channels
        self.squeezeChannels = squeezeChannels
        self.variant = variant
        self.activation = activation
        self.gate = gate
        self.addMaximum = addMaximum
        let linear = variant == .linear
        reduce = try Projection(
            from: channels, to: squeezeChannels, linear: linear, bias: bias ?? !linear, seed: seed)
        expand = try Projection(
            from: squeezeChannels, to: channels, linear: linear, bias: bias ?? !linear,
            seed: seed &+ 1)
    }

    /// A layer whose squeeze width is `channels / reduction`, rounded as the variant's reference
    /// does: timm's `SEModule` to a multiple of 8, torchvision's MobileNetV3 to a multiple of 8 but
    /// not below 0.9 of it, others down.
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
            case .linear: channels / reduction
            }
        try self.init(
            channels: channels, squeezeChannels: width, variant: variant, seed: seed)
    }

    /// The two layers under the variant's names.
    public var submodules: [NamedModule] {
        switch variant {
        case .timm, .torchvision:
            [NamedModule("fc1", reduce.module), NamedModule("fc2", expand.module)]
        case .timmEfficientNet:
            [NamedModule("conv_reduce", reduce.module), NamedModule("conv_expand", expand.module)]
        case .linear:
            [NamedModule("fc.0", reduce.module), NamedModule("fc.2", expand.module)]
        }
    }

    /// The gated map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction(x, residual: nil, activation: .identity)
    }

    /// activation(x · gates + residual), in one pass over the map.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        try scaling(x, byGatesOf: x, residual: residual, activation: activation)
    }

    /// An activation. (A residual is added in the same pass only by the call that takes one: it
    /// rounds once, where separate layers round twice.)
    public var epilogueParts: EpilogueParts { .activation }

    /// The gated map followed by an epilogue.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try callAsFunction(x, residual: nil, activation: epilogue.activation)
    }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        var pooled = try Operations.globalAveragePool(x)
        if addMaximum {
            let both = try Operations.add(pooled, try Operations.globalMaxPool(x))
            pooled = try Operations.multiply(both, try Tensor(repeating: 0.5, shape: [1]))
        }
        return try expand(try reduce(pooled, activation), gate)
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
