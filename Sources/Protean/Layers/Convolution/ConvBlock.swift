/// The block that convolutional networks are made of: convolution, batch norm, activation, attention.
///
/// `y = attention(activation(bn(conv(x))))`. Any activation and any attention can be put in:
/// element-wise functions and layers such as ``DynamicReLU`` or ``PReLU`` by `activation:`,
/// ``SqueezeExcitation`` and the like by `attention:`. Parts are named as in timm's `ConvNormAct`:
/// `conv`, `bn`, and where there are layers, `act` and `attn`.
///
/// The convolution, the norm and an element-wise function are one kernel. With a residual,
/// ``callAsFunction(_:residual:activation:)``, the last part adds it where it can.
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`.
/// Cost: that of the parts.
public final class ConvBlock: AcceptsEpilogue, AttentionLayer {
    /// The convolution.
    public let conv: Conv2d
    /// The activation's layer; nil for an element-wise function.
    public let act: (any Layer)?
    /// The attention; nil for none.
    public let attn: (any Layer)?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let norm: BatchNorm2d?
    private let fused: FusedConv2d
    // What the last part can do in its own pass; asked once, a conformance check takes time.
    private let last: (any EpilogueKernel)?
    private let adding: (any AttentionLayer)?

    /// A block with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: odd height and width of the convolution.
    ///   - stride: of the convolution.
    ///   - padding: of the convolution; nil for half of the dilated kernel.
    ///   - dilation: of the convolution.
    ///   - groups: of the convolution.
    ///   - bias: whether the convolution has one; nil if there is no norm.
    ///   - norm: whether there is a batch norm.
    ///   - activation: after the norm.
    ///   - attention: after the activation.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d? = nil, dilation: Size2d = 1, groups: Int = 1, bias: Bool? = nil,
        norm: Bool = true, activation: ActivationSlot = .relu, attention: AttentionSlot = .none,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "ConvBlock"
        try kernelSize.check(atLeast: 1, layer: layer, option: "kernelSize")
        try dilation.check(atLeast: 1, layer: layer, option: "dilation")
        guard max(kernelSize.height, kernelSize.width) <= OptionLimits.length,
            max(dilation.height, dilation.width) <= OptionLimits.length
        else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "at most \(OptionLimits.length)",
                found: "\(kernelSize), dilation \(dilation)")
        }
        conv = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize,
            stride: stride,
            padding: padding
                ?? .symmetric(
                    height: dilation.height * (kernelSize.height - 1) / 2,
                    width: dilation.width * (kernelSize.width - 1) / 2),
            dilation: dilation, groups: groups, bias: bias ?? !norm, seed: seed)
        self.norm = norm ? try BatchNorm2d(channels: outputChannels) : nil
        act = try activation.layer(channels: outputChannels)
        attn = try attention.layer(channels: outputChannels)
        fused = try FusedConv2d(conv, self.norm, activation.function)
        last = attn == nil && act == nil ? fused : (attn ?? act) as? any EpilogueKernel
        adding = attn as? any AttentionLayer
    }

    /// `conv`, `bn`, `act` and `attn`, those that there are.
    public var submodules: [NamedModule] {
        [NamedModule("conv", conv)] + (norm.map { [NamedModule("bn", $0)] } ?? [])
            + (act.map { [NamedModule("act", $0)] } ?? [])
            + (attn.map { [NamedModule("attn", $0)] } ?? [])
    }

    /// The convolution's channels.
    public var channelFlow: ChannelFlow { conv.channelFlow }

    /// The block's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let y = try activated(x)
        return try attn?.applied(to: y, as: "attn") ?? y
    }

    /// The parts that the block's last part applies in its own pass.
    public var epilogueParts: EpilogueParts { last?.epilogueParts ?? [] }

    /// The block's result followed by an epilogue.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard let last, last.epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        if attn != nil { return try last(activated(x), epilogue: epilogue) }
        return try last(act == nil ? x : fused(x), epilogue: epilogue)
    }

    /// activation(block(x) + residual); in the attention's pass if it is an ``AttentionLayer``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard let adding else {
            return try callAsFunction(
                x, epilogue: Conv2dEpilogue(activation: activation, residual: residual))
        }
        return try adding(activated(x), residual: residual, activation: activation)
    }

    private func activated(_ x: Tensor) throws(ProteanError) -> Tensor {
        let y = try fused(x)
        return try act?.applied(to: y, as: "act") ?? y
    }
}
