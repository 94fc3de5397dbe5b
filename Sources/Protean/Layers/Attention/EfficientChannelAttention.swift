import Foundation

/// Efficient channel attention (ECA): a gate per channel from the means of its neighbours.
///
/// `y = x · gate(conv(mean(x)))` with a one-dimensional convolution *along the channels*, without
/// reduction: channel c is gated by the means of channels c − r … c + r. Wang, Wu, Zhu, Li, Zuo, Hu,
/// "ECA-Net", arXiv 1910.03151.
///
/// Input and output `[batch, height, width, channels]`, with any number of channels unless there is
/// a hidden layer. Parameters: `conv.weight` `[1, 1, kernelSize]`; in the circular form the last
/// channel is a neighbour of the first; with a hidden layer (an experiment of timm)
/// `conv.weight` `[hidden, 1, 1]`, `conv2.weight` `[1, hidden, kernelSize]` and their biases. Cost:
/// two reads and one write of the map, and kernelSize multiply-adds per channel. With a weight of
/// zero all gates are one half. Maps of one pixel are their own means.
public final class EfficientChannelAttention: SelfGating {
    /// Channels on which a gate depends; odd.
    public let kernelSize: Int
    /// Whether the last channel is a neighbour of the first.
    public let isCircular: Bool
    /// Width of the hidden layer, or nil for none.
    public let hiddenWidth: Int?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv1d
    /// Follows `conv` if there is a hidden layer.
    private let second: Conv1d?
    private let activation, gate: Activation

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - kernelSize: channels on which a gate depends; odd, 1...2²⁰.
    ///   - isCircular: whether the last channel is a neighbour of the first.
    ///   - hiddenWidth: width of a layer before the convolution that sees every channel by itself;
    ///     nil for none.
    ///   - bias: whether the convolution has one; those of the form with a hidden layer always have.
    ///   - activation: after the hidden layer.
    ///   - gate: after the convolution.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        kernelSize: Int = 3, isCircular: Bool = false, hiddenWidth: Int? = nil,
        bias: Bool = false, activation: Activation = .relu, gate: Activation = .sigmoid,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "EfficientChannelAttention"
        try checkOption(kernelSize, "kernelSize", in: 1...OptionLimits.length, layer: layer)
        guard kernelSize % 2 == 1 else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "an odd number",
                found: "\(kernelSize)")
        }
        if let hiddenWidth {
            try checkChannels(hiddenWidth, "hiddenWidth", layer: layer)
            guard !isCircular else {
                throw .invalidOption(
                    layer: layer, option: "isCircular", expected: "false with a hidden layer",
                    found: "true")
            }
        }
        self.kernelSize = kernelSize
        self.isCircular = isCircular
        self.hiddenWidth = hiddenWidth
        self.activation = activation
        self.gate = gate
        let hidden = hiddenWidth != nil
        conv = try Conv1d(
            inputChannels: 1, outputChannels: hiddenWidth ?? 1,
            kernelSize: hidden ? 1 : kernelSize, bias: bias || hidden, seed: seed)
        second =
            if let hiddenWidth {
                try Conv1d(
                    inputChannels: hiddenWidth, outputChannels: 1, kernelSize: kernelSize,
                    padding: .symmetric(kernelSize / 2), seed: seed &+ 1)
            } else {
                nil
            }
    }

    /// A layer whose kernel size follows from the channels; see ``kernelSize(channels:gamma:beta:)``.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public convenience init(
        channels: Int, gamma: Double = 2, beta: Double = 1, isCircular: Bool = false,
        gate: Activation = .sigmoid, seed: UInt64 = 0
    ) throws(ProteanError) {
        try self.init(
            kernelSize: Self.kernelSize(channels: channels, gamma: gamma, beta: beta),
            isCircular: isCircular, gate: gate, seed: seed)
    }

    /// The adaptive kernel size as timm computes it: ⌊|log₂ channels + beta| / gamma⌋, made odd by
    /// adding one, and at least 3.
    ///
    /// By default 3 up to 127 channels, 5 up to 2047, then 7. Published ECA-ResNets have other sizes:
    /// 3, 5, 5, 7 in their four stages.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public static func kernelSize(
        channels: Int, gamma: Double = 2, beta: Double = 1
    ) throws(ProteanError) -> Int {
        let layer = "EfficientChannelAttention"
        try checkChannels(channels, "channels", layer: layer)
        guard gamma >= 0x1p-10, gamma.isFinite else {
            throw .invalidOption(
                layer: layer, option: "gamma", expected: "a finite number of at least 1/1024",
                found: "\(gamma)")
        }
        guard abs(beta) <= 1024 else {
            throw .invalidOption(
                layer: layer, option: "beta", expected: "-1024...1024", found: "\(beta)")
        }
        let size = Int(abs(log2(Double(channels)) + beta) / gamma)
        return max(size % 2 == 1 ? size : size + 1, 3)
    }

    /// `conv` and, after a hidden layer, `conv2`.
    public var submodules: [NamedModule] {
        [NamedModule("conv", conv)] + (second.map { [NamedModule("conv2", $0)] } ?? [])
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The gates of `x`, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map with at least one pixel.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: place)
        let pooled = try Operations.globalAveragePool(x)
        guard let second else {
            return try traced(typeName, path: label, input: x, cost: { cost(x, $0) }) {
                () throws(ProteanError) in
                try Operations.channelConvolution(
                    pooled, weight: conv.weight.value, bias: conv.bias?.value,
                    isCircular: isCircular, activation: gate)
            }
        }
        // Every channel is a position of a sequence with one feature.
        let sequence = try pooled.reshaped(to: pooled.shape + [1])
        let hidden = try conv(sequence, activation: activation)
        return try second(hidden, activation: gate).reshaped(to: pooled.shape)
    }

    private func cost(_ x: Tensor, _ gates: Tensor) -> Cost {
        let parameters = kernelSize + (conv.bias == nil ? 0 : 1)
        return Cost(
            multiplyAdds: gates.count * kernelSize, parameters: parameters,
            bytes: (x.count + gates.count + parameters) * MemoryLayout<Float>.stride)
    }
}

extension AttentionSlot {
    /// A gate per channel from the means of its neighbours; see ``EfficientChannelAttention``.
    ///
    /// - Parameters:
    ///   - kernelSize: channels on which a gate depends; nil for the adaptive size.
    ///   - isCircular: whether the last channel is a neighbour of the first.
    public static func efficientChannel(
        kernelSize: Int? = nil, isCircular: Bool = false
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            guard let kernelSize else {
                return try EfficientChannelAttention(channels: channels, isCircular: isCircular)
            }
            return try EfficientChannelAttention(kernelSize: kernelSize, isCircular: isCircular)
        }
    }
}
