import Protean

/// IMDN: super-resolution by blocks that keep a quarter of the channels at each step and refine the
/// rest.
///
/// Hui, Gao, Yang, Wang, "Lightweight Image Super-Resolution with Information Multi-distillation
/// Network", ACM MM 2019, arXiv 1909.11856: a convolution, six ``IMDBlock``s, a fusion of all their
/// results, a convolution, and pixel shuffle. Parameters are named as the published model's. Input
/// `[batch, height, width, 3]`, red, green and blue in 0...255 (the published network's 0...1 is
/// converted to); output `[batch, scale · height, scale · width, 3]` in the same range.
public final class IMDN: Layer {
    /// Enlargement per axis.
    public let scale: Int

    private let first, fuse, refine, last: Conv2d
    private let blocks: [IMDBlock]
    private let fused, shuffled: FusedConv2d
    private let range = ColorRange(white: 1)

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - scale: enlargement per axis, 2 to 4.
    ///   - features: channels of the body.
    ///   - count: number of blocks.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(scale: Int = 4, features: Int = 64, blocks count: Int = 6) throws(ProteanError) {
        for (option, value, range) in [
            ("scale", scale, 2...4), ("features", features, 16...4096), ("blocks", count, 1...64),
        ] where !range.contains(value) {
            throw .invalidOption(
                layer: "IMDN", option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: "\(value)")
        }
        func conv(
            _ inputs: Int, _ outputs: Int, _ kernel: Int, _ seed: UInt64
        ) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                padding: .symmetric(kernel / 2), seed: seed)
        }
        self.scale = scale
        first = try conv(3, features, 3, 1)
        var blocks: [IMDBlock] = []
        for i in 0..<count {
            blocks.append(try IMDBlock(channels: features, seed: UInt64(1000 * (i + 1))))
        }
        self.blocks = blocks
        fuse = try conv(features * count, features, 1, 2)
        refine = try conv(features, features, 3, 3)
        last = try conv(features, 3 * scale * scale, 3, 4)
        fused = try FusedConv2d(fuse, nil, IMDBlock.activation)
        shuffled = try range.leaving(last)
    }

    /// All parts under the published model's names.
    public var submodules: [NamedModule] {
        [NamedModule("fea_conv", first)]
            + blocks.enumerated().map { NamedModule("IMDB\($0 + 1)", $1) }
            + [
                NamedModule("c.0", fuse), NamedModule("LR_conv", refine),
                NamedModule("upsampler.0", last),
            ]
    }

    /// The enlarged images, neither rounded nor clamped to 0...255.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try ColorRange.check(x, model: "IMDN")
        let features = try first(try range.entering(x))
        var results: [Tensor] = []
        for block in blocks { results.append(try block(results.last ?? features)) }
        let body = try refine(
            try fused(concatenating: results), epilogue: Conv2dEpilogue(residual: features))
        return try Operations.pixelShuffle(try shuffled(body), scale)
    }
}

/// A block of ``IMDN``: three steps that each keep a quarter of their result's channels and pass the
/// rest on, a fourth that makes the last quarter, contrast-aware channel attention over the four, a
/// 1 × 1 convolution, and the sum with the input.
///
/// Input and output `[batch, height, width, channels]`. Parameters `c1`…`c5` and `cca`. The gates of
/// the attention multiply the weights of `c5`.
public final class IMDBlock: Layer {
    static let activation = Activation.leakyReLU(slope: 0.05)

    /// Channels in and out.
    public let channels: Int
    /// Where the block stands in a model.
    public let label: Label? = Label()

    private let steps: [Conv2d]
    private let join: Conv2d
    private let attention: ContrastAwareChannelAttention
    private let fusedSteps: [FusedConv2d]
    private let fusedJoin: FusedConv2d
    /// Channels that a step keeps.
    private var kept: Int { channels / 4 }

    /// A block with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: at least 16; a multiple of 4.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, seed: UInt64 = 0) throws(ProteanError) {
        guard channels >= 16, channels % 4 == 0 else {
            throw .invalidOption(
                layer: "IMDBlock", option: "channels", expected: "a multiple of 4, at least 16",
                found: "\(channels)")
        }
        self.channels = channels
        let kept = channels / 4
        func conv(
            _ inputs: Int, _ outputs: Int, _ kernel: Int, _ index: UInt64
        ) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                padding: .symmetric(kernel / 2), seed: seed &+ index)
        }
        steps = [
            try conv(channels, channels, 3, 0), try conv(channels - kept, channels, 3, 1),
            try conv(channels - kept, channels, 3, 2), try conv(channels - kept, kept, 3, 3),
        ]
        join = try conv(4 * kept, channels, 1, 4)
        attention = try ContrastAwareChannelAttention(channels: 4 * kept, seed: seed &+ 5)
        var fused: [FusedConv2d] = []
        for (i, step) in steps.enumerated() {
            fused.append(try FusedConv2d(step, nil, i < 3 ? Self.activation : .identity))
        }
        fusedSteps = fused
        fusedJoin = try FusedConv2d(join)
    }

    /// `c1`…`c5`, `cca`.
    public var submodules: [NamedModule] {
        steps.enumerated().map { NamedModule("c\($0 + 1)", $1) }
            + [NamedModule("c5", join), NamedModule("cca", attention)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The refined map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var parts: [(map: Tensor, range: Range<Int>)] = []
        var rest = x
        for (i, step) in fusedSteps.enumerated() {
            let y = try step(rest)
            parts.append((y, 0..<kept))
            if i < 3 { rest = try Operations.channels(kept..<channels, of: y) }
        }
        let distilled = try traced(
            "concatenate", path: label, input: x, cost: { Cost(bytes: 8 * $0.count) }
        ) { () throws(ProteanError) in try Operations.concatenate(channels: parts) }
        return try attention(distilled, then: fusedJoin, residual: x)
    }
}
