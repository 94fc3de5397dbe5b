/// Selective kernel convolution: branches of different receptive fields, weighted per channel by a
/// softmax that depends on the input.
///
/// `y = Σ_i a_i · U_i` with `U_i = relu(bn_i(conv_i(x_i)))` and, per sample and channel,
/// `a = softmax_i(W₂ · relu(bn(W₁ · mean(Σ_i U_i))))`, the mean over height and width. Li, Wang, Hu,
/// Yang, "Selective Kernel Networks", CVPR 2019, arXiv 1903.06586; parameters as in timm's
/// `SelectiveKernel`: `paths.<i>.conv.weight`, `paths.<i>.bn.*`, `attn.fc_reduce.weight`,
/// `attn.bn.*`, `attn.fc_select.weight` (all channels of branch 0 first).
///
/// With ``Paths/splitsInput`` branch i takes the i-th part of the input's channels, timm's default, else
/// every branch takes all of them, as in the paper. Input `[batch, height, width, channels]`, output
/// `[batch, height', width', outputChannels]`. With one branch it is that branch. Cost: that of the
/// branches, 2 · squeezeChannels multiply-adds per channel and branch, one more read of the branches
/// for the means, and one read of each with the write of the sum.
public final class SelectiveKernel: Layer {
    /// What the branches are.
    public struct Paths: Sendable, Equatable {
        /// Kernel sizes, one per branch, odd; 1 to 8.
        public var kernelSizes: [Int]
        /// A 3 × 3 convolution with dilation (k − 1) / 2 in place of a k × k one.
        public var keeps3x3: Bool
        /// Each branch takes its own part of the input's channels.
        public var splitsInput: Bool

        /// timm's: a 3 × 3 convolution and one with dilation 2 in place of 5 × 5, on half of the
        /// channels each.
        public init(kernelSizes: [Int] = [3, 5], keeps3x3: Bool = true, splitsInput: Bool = true) {
            self.kernelSizes = kernelSizes
            self.keeps3x3 = keeps3x3
            self.splitsInput = splitsInput
        }
    }

    /// Channels of the input.
    public let inputChannels: Int
    /// Channels of the output.
    public let outputChannels: Int
    /// What the branches are.
    public let branches: Paths
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let paths: [ConvNorm]
    private let attention: BranchAttention

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input; a multiple of the number of branches if they split it.
    ///   - outputChannels: channels of the output.
    ///   - branches: what the branches are.
    ///   - stride: of the branches' convolutions.
    ///   - dilation: of the branches' convolutions, multiplied by (k − 1) / 2 with `keeps3x3`.
    ///   - groups: of the branches' convolutions; at most `outputChannels` are used, as in timm.
    ///   - squeezeChannels: channels between the two layers of the attention; nil for outputChannels / 16
    ///     rounded to a multiple of 8.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int, outputChannels: Int, branches: Paths = Paths(), stride: Int = 1,
        dilation: Int = 1, groups: Int = 1, squeezeChannels: Int? = nil, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "SelectiveKernel"
        try Self.check(
            branches, inputChannels, outputChannels, stride, dilation, groups, layer: layer)
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.branches = branches
        let count = branches.kernelSizes.count
        var paths: [ConvNorm] = []
        for (index, size) in branches.kernelSizes.enumerated() {
            let kernel = branches.keeps3x3 ? 3 : size
            let apart = branches.keeps3x3 ? dilation * (size - 1) / 2 : dilation
            let reach = stride - 1 + apart * (kernel - 1)
            paths.append(
                try ConvNorm(
                    Conv2d(
                        inputChannels: inputChannels / (branches.splitsInput ? count : 1),
                        outputChannels: outputChannels, kernelSize: Size2d(kernel),
                        stride: Size2d(stride), padding: .symmetric(reach / 2),
                        dilation: Size2d(apart), groups: min(groups, outputChannels), bias: false,
                        seed: seed &+ UInt64(index))))
        }
        self.paths = paths
        attention = try BranchAttention(
            channels: outputChannels, branches: count,
            hidden: squeezeChannels
                ?? makeDivisible(Double(outputChannels) / 16, by: 8), seed: seed &+ 100)
    }

    private static func check(
        _ branches: Paths, _ inputs: Int, _ outputs: Int, _ stride: Int, _ dilation: Int,
        _ groups: Int, layer: String
    ) throws(ProteanError) {
        try checkChannels(inputs, "inputChannels", layer: layer)
        try checkChannels(outputs, "outputChannels", layer: layer)
        try checkOption(stride, "stride", in: 1...OptionLimits.length, layer: layer)
        try checkOption(dilation, "dilation", in: 1...OptionLimits.length, layer: layer)
        try checkOption(groups, "groups", in: 1...OptionLimits.channels, layer: layer)
        let sizes = branches.kernelSizes, least = branches.keeps3x3 ? 3 : 1
        guard (1...8).contains(sizes.count),
            sizes.allSatisfy({ $0 % 2 == 1 && (least...255).contains($0) })
        else {
            throw .invalidOption(
                layer: layer, option: "kernelSizes", expected: "1 to 8 odd sizes in \(least)...255",
                found: "\(sizes)")
        }
        guard !branches.splitsInput || inputs % sizes.count == 0 else {
            throw .invalidOption(
                layer: layer, option: "inputChannels", expected: "a multiple of \(sizes.count)",
                found: "\(inputs)")
        }
    }

    /// `paths.0`, `paths.1`, … and `attn`.
    public var submodules: [NamedModule] {
        paths.enumerated().map { NamedModule("paths.\($0.offset)", $0.element) }
            + [NamedModule("attn", attention)]
    }

    /// The given channels.
    public var channelFlow: ChannelFlow { .fixed(input: inputChannels, output: outputChannels) }

    /// The weighted sum of the branches.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: inputChannels, pixels: true, layer: place)
        let parts =
            branches.splitsInput && paths.count > 1
            ? try Operations.chunk(x, paths.count, axis: -1)
            : [Tensor](repeating: x, count: paths.count)
        var maps: [Tensor] = []
        for (path, part) in zip(paths, parts) { maps.append(try path(part, activation: .relu)) }
        let weights = try attention(of: maps)
        return try traced(
            "SelectiveKernel", path: label, input: x,
            cost: {
                Cost(multiplyAdds: maps.count * $0.count, bytes: (maps.count + 1) * 4 * $0.count)
            }
        ) { () throws(ProteanError) in
            try Operations.mix(maps: maps, weights: weights, layer: place)
        }
    }

    /// The weights of the branches for `maps`, `[batch, branches, channels]`.
    private func attention(of maps: [Tensor]) throws(ProteanError) -> Tensor {
        var pooled = try Operations.globalAveragePool(maps[0])
        for map in maps.dropFirst() {
            pooled = try Operations.add(pooled, try Operations.globalAveragePool(map))
        }
        let weights = try attention(pooled)
        for (index, map) in maps.enumerated() {
            try AttentionRecord.note(path: "\(place).paths.\(index)", input: map) {
                () throws(ProteanError) in
                try Operations.chunk(weights, maps.count, axis: 1)[index]
                    .reshaped(to: [map.shape[0], outputChannels])
            }
        }
        return weights
    }
}

/// softmax over branches of W₂ · relu(bn(W₁ · s)), per sample and channel: `[batch, channels]` to
/// `[batch, branches, channels]`.
private final class BranchAttention: Module {
    private let channels, branches: Int
    private let reduce, select: Conv2d
    private let norm: BatchNorm2d
    private let reduced: FusedConv2d

    init(channels: Int, branches: Int, hidden: Int, seed: UInt64) throws(ProteanError) {
        try checkChannels(hidden, "squeezeChannels", layer: "SelectiveKernel")
        (self.channels, self.branches) = (channels, branches)
        reduce = try Conv2d(
            inputChannels: channels, outputChannels: hidden, kernelSize: 1, bias: false, seed: seed)
        norm = try BatchNorm2d(channels: hidden)
        select = try Conv2d(
            inputChannels: hidden, outputChannels: channels * branches, kernelSize: 1, bias: false,
            seed: seed &+ 1)
        reduced = try FusedConv2d(reduce, norm, .relu)
    }

    var submodules: [NamedModule] {
        [
            NamedModule("fc_reduce", reduce), NamedModule("bn", norm),
            NamedModule("fc_select", select),
        ]
    }

    func callAsFunction(_ pooled: Tensor) throws(ProteanError) -> Tensor {
        let samples = pooled.shape[0]
        let logits = try select(
            reduced(try pooled.reshaped(to: [samples, 1, 1, channels])))
        // The softmax is over the innermost axis.
        let rows = try logits.reshaped(to: [samples, branches, channels]).transposed()
        return try Operations.softmax(rows).transposed()
    }
}
