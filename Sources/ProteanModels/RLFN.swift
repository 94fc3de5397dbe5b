import Protean

/// RLFN: super-resolution by residual blocks with enhanced spatial attention.
///
/// Kong, Li, Liu, Liu, He, Bai, Chen, Fu, "Residual Local Feature Network for Efficient
/// Super-Resolution", CVPRW 2022, arXiv 2205.07514, in the form that won the NTIRE 2022 challenge: a
/// convolution, four ``RLFBlock``s, a convolution, and pixel shuffle. Parameters are named as that
/// model's. Input `[batch, height, width, 3]`, red, green and blue in 0...255, height and width at
/// least 15 (``ESA``); output `[batch, 4 · height, 4 · width, 3]` in the same range.
public final class RLFN: Layer {
    /// Enlargement per axis.
    public let scale: Int

    private let first, refine, last: Conv2d
    private let blocks: [RLFBlock]

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - scale: enlargement per axis, 2 to 4.
    ///   - features: channels between the blocks.
    ///   - innerFeatures: channels within the blocks.
    ///   - count: number of blocks.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        scale: Int = 4, features: Int = 46, innerFeatures: Int = 48, blocks count: Int = 4
    ) throws(ProteanError) {
        for (option, value, range) in [
            ("scale", scale, 2...4), ("features", features, 1...4096),
            ("innerFeatures", innerFeatures, 1...4096), ("blocks", count, 1...64),
        ] where !range.contains(value) {
            throw .invalidOption(
                layer: "RLFN", option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: "\(value)")
        }
        self.scale = scale
        first = try RLFBlock.conv(3, features, 1)
        var blocks: [RLFBlock] = []
        for i in 0..<count {
            blocks.append(
                try RLFBlock(
                    channels: features, innerChannels: innerFeatures, seed: UInt64(1000 * (i + 1))))
        }
        self.blocks = blocks
        refine = try RLFBlock.conv(features, features, 2)
        last = try RLFBlock.conv(features, 3 * scale * scale, 3)
    }

    /// All parts under the published model's names.
    public var submodules: [NamedModule] {
        [NamedModule("fea_conv", first)]
            + blocks.enumerated().map { NamedModule("B\($0 + 1)", $1) }
            + [NamedModule("LR_conv", refine), NamedModule("upsampler.0", last)]
    }

    /// The enlarged images, neither rounded nor clamped to 0...255.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try ColorRange.check(x, model: "RLFN")
        let features = try first(x)
        var body = features
        for block in blocks { body = try block(body) }
        body = try refine(body, epilogue: Conv2dEpilogue(residual: features))
        return try Operations.pixelShuffle(try last(body), scale)
    }
}

/// A block of ``RLFN``: three 3 × 3 convolutions with leaky ReLUs, the sum with the input, a 1 × 1
/// convolution, and enhanced spatial attention.
///
/// Input and output `[batch, height, width, channels]`, height and width at least 15. Parameters
/// `c1_r`, `c2_r`, `c3_r`, `c5`, `esa`. The sum comes after the third activation, in its kernel.
public final class RLFBlock: Layer {
    /// Channels in and out.
    public let channels: Int

    private let inner: [Conv2d]
    private let join: Conv2d
    private let attention: ESA

    /// A block with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels in and out.
    ///   - innerChannels: channels between the convolutions.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, innerChannels: Int, seed: UInt64 = 0) throws(ProteanError) {
        self.channels = channels
        inner = [
            try Self.conv(channels, innerChannels, seed),
            try Self.conv(innerChannels, innerChannels, seed &+ 1),
            try Self.conv(innerChannels, channels, seed &+ 2),
        ]
        join = try Conv2d(
            inputChannels: channels, outputChannels: channels, kernelSize: 1, seed: seed &+ 3)
        attention = try ESA(channels: channels, squeezeChannels: 16, seed: seed &+ 4)
    }

    static func conv(
        _ inputs: Int, _ outputs: Int, _ seed: UInt64
    ) throws(ProteanError) -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1, seed: seed)
    }

    /// The convolutions and `esa`.
    public var submodules: [NamedModule] {
        inner.enumerated().map { NamedModule("c\($0 + 1)_r", $1) }
            + [NamedModule("c5", join), NamedModule("esa", attention)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The refined map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var epilogue = Conv2dEpilogue(activation: .leakyReLU(slope: 0.05))
        var y = try inner[1](try inner[0](x, epilogue: epilogue), epilogue: epilogue)
        epilogue.residual = x
        epilogue.residualAfterActivation = true
        y = try inner[2](y, epilogue: epilogue)
        return try attention(try join(y))
    }
}
