import Protean

/// PAN: super-resolution with pixel attention in the body and in the enlargement.
///
/// Zhao, Kong, He, Qiao, Dong, "Efficient Image Super-Resolution Using Pixel Attention", ECCVW 2020,
/// arXiv 2010.01073: a convolution, sixteen ``SCPABlock``s, one or two stages that double (or treble)
/// the map by repeating pixels and gate it by pixel attention, a last convolution, and the bilinear
/// enlargement of the image added in the end. Parameters are named as the published model's. Input
/// `[batch, height, width, 3]`, red, green and blue in 0...255 (the published network's 0...1 is
/// converted to); output `[batch, scale · height, scale · width, 3]` in the same range.
public final class PAN: Layer {
    static let activation = Activation.leakyReLU(slope: 0.2)

    /// Enlargement per axis.
    public let scale: Int

    private let first, trunk, last: Conv2d
    private let blocks: [SCPABlock]
    private let stages: [PANStage]
    private let colored: FusedConv2d
    private let range = ColorRange(white: 1)

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - scale: enlargement per axis, 2 to 4.
    ///   - features: channels of the body; even.
    ///   - largeFeatures: channels of the enlarged maps.
    ///   - count: number of blocks.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        scale: Int = 4, features: Int = 40, largeFeatures: Int = 24, blocks count: Int = 16
    ) throws(ProteanError) {
        for (option, value, range) in [
            ("scale", scale, 2...4), ("features", features, 2...4096),
            ("largeFeatures", largeFeatures, 1...4096), ("blocks", count, 1...64),
        ] where !range.contains(value) {
            throw .invalidOption(
                layer: "PAN", option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: "\(value)")
        }
        self.scale = scale
        first = try RLFBlock.conv(3, features, 1)
        var blocks: [SCPABlock] = []
        for i in 0..<count {
            blocks.append(try SCPABlock(channels: features, seed: UInt64(1000 * (i + 1))))
        }
        self.blocks = blocks
        trunk = try RLFBlock.conv(features, features, 2)
        var stages = [
            try PANStage(
                from: features, to: largeFeatures, factor: scale == 4 ? 2 : scale, seed: 10)
        ]
        if scale == 4 {
            stages.append(
                try PANStage(from: largeFeatures, to: largeFeatures, factor: 2, seed: 20))
        }
        self.stages = stages
        last = try RLFBlock.conv(largeFeatures, 3, 3)
        colored = try range.leaving(last)
    }

    /// All parts under the published model's names.
    public var submodules: [NamedModule] {
        var parts = [NamedModule("conv_first", first)]
        parts += blocks.enumerated().map { NamedModule("SCPA_trunk.\($0)", $1) }
        parts.append(NamedModule("trunk_conv", trunk))
        for (i, stage) in stages.enumerated() { parts += stage.modules(number: i + 1) }
        return parts + [NamedModule("conv_last", last)]
    }

    /// The enlarged images, neither rounded nor clamped to 0...255.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try ColorRange.check(x, model: "PAN")
        let features = try first(try range.entering(x))
        var y = features
        for block in blocks { y = try block(y) }
        y = try trunk(y, epilogue: Conv2dEpilogue(residual: features))
        for stage in stages { y = try stage(y) }
        let enlarged = try Operations.resize(
            x, by: Scale2d(Double(scale)), mode: .bilinear(alignCorners: false))
        return try colored(y, residual: enlarged)
    }
}

/// One enlargement of ``PAN``: pixels repeated, a convolution, pixel attention, a convolution.
private struct PANStage: Sendable {
    private let factor: Int
    private let enlarge, refine: Conv2d
    private let attention: PixelAttention

    init(from inputs: Int, to outputs: Int, factor: Int, seed: UInt64) throws(ProteanError) {
        self.factor = factor
        enlarge = try RLFBlock.conv(inputs, outputs, seed)
        attention = try PixelAttention(channels: outputs, seed: seed &+ 1)
        refine = try RLFBlock.conv(outputs, outputs, seed &+ 2)
    }

    func modules(number: Int) -> [NamedModule] {
        [
            NamedModule("upconv\(number)", enlarge), NamedModule("att\(number)", attention),
            NamedModule("HRconv\(number)", refine),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let large = try Operations.resize(x, by: Scale2d(Double(factor)), mode: .nearest)
        let epilogue = Conv2dEpilogue(activation: PAN.activation)
        return try refine(
            try attention(try enlarge(large), epilogue: epilogue), epilogue: epilogue)
    }
}

/// A block of ``PAN``, self-calibrated convolution with pixel attention: two halves of the channels,
/// one convolved, one convolved and gated per element by a 1 × 1 convolution of itself; joined by a
/// 1 × 1 convolution and added to the input.
///
/// Input and output `[batch, height, width, channels]`. Parameters `conv1_a`, `conv1_b`, `k1.0`,
/// `PAConv.k2`, `PAConv.k3`, `PAConv.k4`, `conv3`; only `PAConv.k2` has a bias. The gates are applied
/// by the kernel of `PAConv.k3`.
public final class SCPABlock: Layer {
    /// Channels in and out.
    public let channels: Int

    private let plainHalf, gatedHalf, plain, gates, gated, refine, join: Conv2d
    private let joined: FusedConv2d

    /// A block with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: even, at least 2.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, seed: UInt64 = 0) throws(ProteanError) {
        guard channels >= 2, channels % 2 == 0 else {
            throw .invalidOption(
                layer: "SCPABlock", option: "channels", expected: "an even number, at least 2",
                found: "\(channels)")
        }
        self.channels = channels
        let half = channels / 2
        func conv(
            _ inputs: Int, _ outputs: Int, _ kernel: Int, bias: Bool = false, _ index: UInt64
        ) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                padding: .symmetric(kernel / 2), bias: bias, seed: seed &+ index)
        }
        plainHalf = try conv(channels, half, 1, 0)
        gatedHalf = try conv(channels, half, 1, 1)
        plain = try conv(half, half, 3, 2)
        gates = try conv(half, half, 1, bias: true, 3)
        gated = try conv(half, half, 3, 4)
        refine = try conv(half, half, 3, 5)
        join = try conv(2 * half, channels, 1, 6)
        joined = try FusedConv2d(join)
    }

    /// The convolutions under the published model's names.
    public var submodules: [NamedModule] {
        [
            NamedModule("conv1_a", plainHalf), NamedModule("conv1_b", gatedHalf),
            NamedModule("k1.0", plain), NamedModule("PAConv.k2", gates),
            NamedModule("PAConv.k3", gated), NamedModule("PAConv.k4", refine),
            NamedModule("conv3", join),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The refined map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let rectified = Conv2dEpilogue(activation: PAN.activation)
        let a = try plain(try plainHalf(x, epilogue: rectified), epilogue: rectified)
        let half = try gatedHalf(x, epilogue: rectified)
        let factors = try gates(half, epilogue: Conv2dEpilogue(activation: .sigmoid))
        try AttentionRecord.note(path: gated.place, input: half) { () throws(ProteanError) in
            factors
        }
        let b = try refine(
            try gated(half, epilogue: Conv2dEpilogue(factor: factors)), epilogue: rectified)
        return try joined(concatenating: [a, b], residual: x)
    }
}
