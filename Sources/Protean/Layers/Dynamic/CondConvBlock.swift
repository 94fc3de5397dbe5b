/// EfficientNet's inverted residual whose three convolutions are mixtures of experts.
///
/// With r = sigmoid(routing_fn(mean of x)), one weight per expert, computed once from the block's
/// input and used by all three convolutions:
///
/// `y = norm(project(se(act(norm(depthwise(act(norm(expand(x; r))); r)))); r)) [+ x]`
///
/// where `conv(x; r)` has the kernel Σ_e r_e · W_e of each sample. Yang, Bender, Le, Ngiam, "CondConv",
/// arXiv 1904.04971, as timm's `CondConvResidual`. The input is added where neither size nor channels
/// change. Input `[batch, height, width, inputChannels]`, output
/// `[batch, height', width', outputChannels]`.
///
/// Parameters under timm's names: `conv_pw`, `bn1`, `conv_dw`, `bn2`, `se.conv_reduce`,
/// `se.conv_expand`, `conv_pwl`, `bn3` and `routing_fn`; a convolution's `weight` is
/// `[experts, out · in / groups · kernel area]`. Norms, activations and the residual are applied as
/// the convolutions store their results.
///
/// One expert whose routing weight is 1 is the ordinary block. Cost: that of the ordinary block,
/// inputChannels · experts multiply-adds for the routing and experts times the number of weights of
/// one expert for mixing, per sample.
public final class CondConvBlock: Layer {
    /// Zeros around the convolutions' inputs.
    public enum Padding: String, Sendable, CaseIterable {
        /// `((stride - 1) + dilation · (kernel - 1)) / 2` on all sides: timm's default.
        case symmetric = ""
        /// TensorFlow's: the remainder of an odd number goes behind the map.
        case same
        /// None.
        case valid
    }

    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// Computes the routing weights that all convolutions share.
    public let routing: CondConvRouting
    /// Parts under their names, in the reference's order.
    public let submodules: [NamedModule]

    private let expand, depthwise, project: FusedCondConv2d
    private let excitation: SqueezeExcitation?
    private let inputChannels: Int
    private let adds: Bool

    /// A block with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: side of the depthwise convolution's kernel.
    ///   - stride: step of the depthwise convolution.
    ///   - dilation: distance between its taps.
    ///   - groupSize: channels per group of that convolution; nil for one group.
    ///   - padding: zeros around the convolutions' inputs.
    ///   - expansion: hidden channels over input channels, rounded to a multiple of 8 that is at
    ///     least 0.9 of the product.
    ///   - expansionKernelSize: side of the first convolution's kernel.
    ///   - projectionKernelSize: side of the last convolution's kernel.
    ///   - activation: after the first two norms and within the gate.
    ///   - squeezeChannels: squeezed width of the gate per channel behind the depthwise convolution;
    ///     nil for none.
    ///   - experts: experts of each convolution.
    ///   - eps: added to the variances.
    ///   - skips: whether the input is added where shapes allow.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int = 3, stride: Int = 1,
        dilation: Int = 1, groupSize: Int? = 1, padding: Padding = .symmetric,
        expansion: Double = 1, expansionKernelSize: Int = 1, projectionKernelSize: Int = 1,
        activation: Activation = .relu, squeezeChannels: Int? = nil, experts: Int = 4,
        eps: Double = 1e-5, skips: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let hidden = try Self.hiddenChannels(inputChannels, expansion)
        let groups = try Self.groups(hidden, groupSize)
        try checkOption(experts, "experts", in: 1...OptionLimits.experts, layer: "CondConvBlock")
        routing = try CondConvRouting(channels: inputChannels, experts: experts, seed: seed &+ 4)
        func convolution(
            _ option: String, from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1,
            dilation: Int = 1, groups: Int = 1, seed: UInt64
        ) throws(ProteanError) -> CondConv2d {
            for (name, value) in [(option, kernel), ("stride", stride), ("dilation", dilation)] {
                try checkOption(
                    value, name, in: 1...OptionLimits.length, layer: "CondConvBlock")
            }
            return try CondConv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                stride: Size2d(stride), padding: padding.zeros(kernel, stride, dilation),
                dilation: Size2d(dilation), groups: groups, experts: experts, seed: seed)
        }
        let convs = [
            try convolution(
                "expansionKernelSize", from: inputChannels, to: hidden,
                kernel: expansionKernelSize, seed: seed),
            try convolution(
                "kernelSize", from: hidden, to: hidden, kernel: kernelSize, stride: stride,
                dilation: dilation, groups: groups, seed: seed &+ 1),
            try convolution(
                "projectionKernelSize", from: hidden, to: outputChannels,
                kernel: projectionKernelSize, seed: seed &+ 2),
        ]
        let norms = [
            try BatchNorm2d(channels: hidden, eps: eps),
            try BatchNorm2d(channels: hidden, eps: eps),
            try BatchNorm2d(channels: outputChannels, eps: eps),
        ]
        excitation = try Self.excitation(hidden, squeezeChannels, activation, seed: seed &+ 3)
        submodules =
            [
                NamedModule("conv_pw", convs[0]), NamedModule("bn1", norms[0]),
                NamedModule("conv_dw", convs[1]), NamedModule("bn2", norms[1]),
            ] + (excitation.map { [NamedModule("se", $0)] } ?? []) + [
                NamedModule("conv_pwl", convs[2]), NamedModule("bn3", norms[2]),
                NamedModule("routing_fn", routing),
            ]
        expand = try FusedCondConv2d(convs[0], norms[0], activation)
        depthwise = try FusedCondConv2d(convs[1], norms[1], activation)
        project = try FusedCondConv2d(convs[2], norms[2])
        self.inputChannels = inputChannels
        channelFlow = .fixed(input: inputChannels, output: outputChannels)
        adds = skips && stride == 1 && inputChannels == outputChannels
    }

    private static func hiddenChannels(
        _ inputs: Int, _ expansion: Double
    ) throws(ProteanError) -> Int {
        try checkChannels(inputs, "inputChannels", layer: "CondConvBlock")
        let width = Double(inputs) * expansion
        guard expansion > 0, width <= Double(OptionLimits.channels) else {
            throw .invalidOption(
                layer: "CondConvBlock", option: "expansion",
                expected: "above 0, for at most \(OptionLimits.channels) channels",
                found: "\(expansion)")
        }
        return makeDivisible(width, by: 8)
    }

    private static func groups(_ hidden: Int, _ size: Int?) throws(ProteanError) -> Int {
        guard let size else { return 1 }
        guard size >= 1, hidden % size == 0 else {
            throw .invalidOption(
                layer: "CondConvBlock", option: "groupSize",
                expected: "a divisor of the \(hidden) hidden channels", found: "\(size)")
        }
        return hidden / size
    }

    private static func excitation(
        _ channels: Int, _ squeezed: Int?, _ activation: Activation, seed: UInt64
    ) throws(ProteanError) -> SqueezeExcitation? {
        guard let squeezed else { return nil }
        try checkChannels(squeezed, "squeezeChannels", layer: "CondConvBlock")
        return try SqueezeExcitation(
            channels: channels, squeezeChannels: squeezed, variant: .timmEfficientNet,
            activation: activation, seed: seed)
    }

    /// The block's channels.
    public let channelFlow: ChannelFlow

    /// The block's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: inputChannels, layer: place)
        return try callAsFunction(x, routing: try routing(x))
    }

    /// The block's result with given routing weights, `[batch, experts]`; the block's own routing does
    /// not run.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(_ x: Tensor, routing: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: inputChannels, layer: place)
        var y = try depthwise(try expand(x, routing: routing), routing: routing)
        if let excitation { y = try excitation(y) }
        return try project(y, routing: routing, residual: adds ? x : nil)
    }
}

extension CondConvBlock.Padding {
    /// The padding of a convolution whose options are within their limits.
    fileprivate func zeros(_ kernel: Int, _ stride: Int, _ dilation: Int) -> Padding2d {
        switch self {
        case .symmetric: .symmetric((stride - 1 + dilation * (kernel - 1)) / 2)
        case .same: .same
        case .valid: .valid
        }
    }
}
