/// Split attention: a grouped convolution whose output channels come in `radix` sets, weighted per
/// channel by a softmax over the sets that depends on the input.
///
/// `y = Σ_r a_r · U_r` with `[U_0, U_1, …] = relu(bn0(conv(x)))`, all channels of set 0 first, and per
/// sample and channel `a = softmax_r(fc2(relu(bn1(fc1(mean(Σ_r U_r))))))`, the mean over height and
/// width. Zhang et al., "ResNeSt: Split-Attention Networks", arXiv 2004.08955. Parameters as in timm's
/// `SplitAttn` and the authors' `SplAtConv2d`: `conv.weight`, `bn0.*`, `fc1.*`, `bn1.*`, `fc2.*`.
///
/// With `groups` above 1 (the paper's cardinality) `fc1` and `fc2` have groups too, and `fc2`'s outputs
/// are ordered by group, then set. With radix 1 the weights are sigmoids: squeeze and excitation.
///
/// Input `[batch, height, width, channels]`, output `[batch, height', width', outputChannels]`. Cost:
/// that of the convolution, squeezeChannels · (1 + radix) / groups multiply-adds per output channel,
/// one more read of its result for the means, and one read of it with the write of the sum.
public final class SplitAttention: Layer {
    /// Channels of the input.
    public let inputChannels: Int
    /// Channels of the output.
    public let outputChannels: Int
    /// Sets of channels, 1 to 8.
    public let radix: Int
    /// Groups of a set: the paper's cardinality.
    public let groups: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv, first, second: Conv2d
    private let norms: [BatchNorm2d]
    private let convolution, squeeze: FusedConv2d

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output, a multiple of `groups`.
    ///   - kernelSize: height and width of the convolution.
    ///   - stride: of the convolution.
    ///   - padding: of the convolution; nil for kernelSize / 2.
    ///   - dilation: of the convolution.
    ///   - groups: groups of a set; the convolution has radix · groups.
    ///   - bias: whether the convolution has one.
    ///   - radix: sets of channels, 1 to 8.
    ///   - squeezeChannels: channels between `fc1` and `fc2`; nil for
    ///     max(32, inputChannels · radix / 4), rounded to a multiple of 8.
    ///   - norm: whether there are batch norms `bn0` and `bn1`.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int = 3, stride: Int = 1,
        padding: Int? = nil, dilation: Int = 1, groups: Int = 1, bias: Bool = false, radix: Int = 2,
        squeezeChannels: Int? = nil, norm: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "SplitAttention"
        try checkChannels(inputChannels, "inputChannels", layer: layer)
        try checkChannels(outputChannels, "outputChannels", layer: layer)
        try checkOption(radix, "radix", in: 1...8, layer: layer)
        try checkOption(kernelSize, "kernelSize", in: 1...OptionLimits.length, layer: layer)
        try checkOption(groups, "groups", in: 1...outputChannels, layer: layer)
        let hidden = squeezeChannels ?? Self.squeezeChannels(0.25 * Double(inputChannels * radix))
        try checkChannels(hidden, "squeezeChannels", layer: layer)
        (self.inputChannels, self.outputChannels) = (inputChannels, outputChannels)
        (self.radix, self.groups) = (radix, groups)
        conv = try Conv2d(
            inputChannels: inputChannels, outputChannels: outputChannels * radix,
            kernelSize: Size2d(kernelSize), stride: Size2d(stride),
            padding: .symmetric(padding ?? kernelSize / 2), dilation: Size2d(dilation),
            groups: groups * radix, bias: bias, seed: seed)
        first = try Conv2d(
            inputChannels: outputChannels, outputChannels: hidden, kernelSize: 1, groups: groups,
            seed: seed &+ 1)
        second = try Conv2d(
            inputChannels: hidden, outputChannels: outputChannels * radix, kernelSize: 1,
            groups: groups, seed: seed &+ 2)
        norms =
            norm
            ? [
                try BatchNorm2d(channels: outputChannels * radix),
                try BatchNorm2d(channels: hidden),
            ] : []
        convolution = try FusedConv2d(conv, norms.first, .relu)
        squeeze = try FusedConv2d(first, norms.last, .relu)
    }

    /// The width between `fc1` and `fc2` as timm rounds it: a multiple of `divisor` near `wanted`,
    /// at least 32, and one step up if it would be less than 0.9 of it.
    package static func squeezeChannels(_ wanted: Double, divisor: Int = 8) -> Int {
        let step = Double(divisor)
        var rounded = max(32, ((wanted + step / 2) / step).rounded(.down) * step)
        if rounded < 0.9 * wanted { rounded += step }
        return Int(rounded)
    }

    /// `conv`, `bn0`, `fc1`, `bn1` and `fc2`.
    public var submodules: [NamedModule] {
        [NamedModule("conv", conv)] + (norms.first.map { [NamedModule("bn0", $0)] } ?? [])
            + [NamedModule("fc1", first)] + (norms.last.map { [NamedModule("bn1", $0)] } ?? [])
            + [NamedModule("fc2", second)]
    }

    /// The given channels.
    public var channelFlow: ChannelFlow { .fixed(input: inputChannels, output: outputChannels) }

    /// The weighted sum of the sets.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: inputChannels, pixels: true, layer: place)
        let sets = try convolution(x)
        let weights = try weights(of: sets)
        let y = try traced(
            "SplitAttention", path: label, input: x,
            cost: { Cost(multiplyAdds: radix * $0.count, bytes: (radix + 1) * 4 * $0.count) }
        ) { () throws(ProteanError) in
            try Operations.mix(partsOf: sets, weights: weights, layer: place)
        }
        try AttentionRecord.note(path: place, input: sets) { () throws(ProteanError) in
            try weights.reshaped(to: [x.shape[0], radix * outputChannels])
        }
        return y
    }

    /// The weights of the sets, `[batch, radix, outputChannels]`.
    private func weights(of sets: Tensor) throws(ProteanError) -> Tensor {
        let samples = sets.shape[0]
        let pooled = try Operations.globalAveragePool(sets)
        let sums =
            radix == 1
            ? pooled
            : try Operations.sum(
                pooled.reshaped(to: [samples, radix, outputChannels]), axes: [1])
        let logits = try second(
            squeeze(try sums.reshaped(to: [samples, 1, 1, outputChannels])),
            epilogue: Conv2dEpilogue(activation: radix == 1 ? .sigmoid : .identity))
        if radix == 1 { return try logits.reshaped(to: [samples, 1, outputChannels]) }
        // From [group, set, channel of the group] to sets innermost for the softmax, then outermost.
        let perGroup = [samples, groups, radix, outputChannels / groups]
        let rows = try Operations.permute(logits.reshaped(to: perGroup), [0, 1, 3, 2])
        let shares = try Operations.permute(Operations.softmax(rows), [0, 3, 1, 2])
        return try shares.reshaped(to: [samples, radix, outputChannels])
    }
}
