/// Enhanced spatial attention: a gate per element from a wide, cheap view of the map.
///
/// `y = x · sigmoid(conv4(resize(v) + conv_f(u)))` with `u = conv1(x)` of few channels and v a
/// chain that sees a wide region at low resolution: `conv2` (3 × 3, stride 2, no padding), a
/// maximum over 7 × 7 windows with stride 3, then `conv3`. The bilinear resize brings v back to the
/// map's size. Liu, Zhang, Tang, Tang, Wu, "Residual Feature Aggregation Network for Image
/// Super-Resolution", CVPR 2020; in the forms of RFDN (arXiv 2009.11551) and RLFN (arXiv
/// 2205.07514).
///
/// Input and output `[batch, height, width, channels]`; height and width are at least 15, so that
/// one window fits. Convolutions have a bias. Cost per pixel: 2 · channels · squeezeChannels +
/// squeezeChannels² multiply-adds, and about 9 / 4 · squeezeChannels² for the narrow part.
public final class ESA: SelfGating {
    /// The reference whose parts a layer has.
    public enum Variant: String, Sendable, CaseIterable {
        /// RLFN: one convolution `conv3` after the maximum.
        case rlfn
        /// RFDN: `conv_max`, ReLU, `conv3`, ReLU and `conv3_` after the maximum.
        case rfdn
    }

    /// The smallest height and width.
    public static let smallestSize = 15

    /// Channels of the map.
    public let channels: Int
    /// Channels of the narrow part.
    public let squeezeChannels: Int
    /// The convolutions between maximum and resize.
    public let variant: Variant
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv1, convF, conv2, conv3, conv4: Conv2d
    /// `conv_max` and `conv3_` of ``Variant/rfdn``.
    private let outer: (first: Conv2d, last: Conv2d)?

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - squeezeChannels: channels of the narrow part; nil for a quarter of the channels, as in
    ///     RFDN.
    ///   - variant: the convolutions between maximum and resize.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int? = nil, variant: Variant = .rlfn, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "ESA")
        let narrow = squeezeChannels ?? channels / 4
        if squeezeChannels == nil, narrow < 1 {
            throw .invalidOption(
                layer: "ESA", option: "channels", expected: "at least 4", found: "\(channels)")
        }
        try checkChannels(narrow, "squeezeChannels", layer: "ESA")
        self.channels = channels
        self.squeezeChannels = narrow
        self.variant = variant
        func conv(
            _ index: UInt64, from inputs: Int, to outputs: Int, size: Int = 1, stride: Int = 1,
            padding: Padding2d = 0
        ) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(size),
                stride: Size2d(stride), padding: padding, seed: seed &+ index)
        }
        conv1 = try conv(0, from: channels, to: narrow)
        convF = try conv(1, from: narrow, to: narrow)
        conv2 = try conv(2, from: narrow, to: narrow, size: 3, stride: 2)
        conv3 = try conv(3, from: narrow, to: narrow, size: 3, padding: 1)
        conv4 = try conv(4, from: narrow, to: channels)
        outer =
            variant == .rlfn
            ? nil
            : (
                first: try conv(5, from: narrow, to: narrow, size: 3, padding: 1),
                last: try conv(6, from: narrow, to: narrow, size: 3, padding: 1)
            )
    }

    /// The convolutions under the references' names.
    public var submodules: [NamedModule] {
        var parts = [NamedModule("conv1", conv1), NamedModule("conv_f", convF)]
        if let outer { parts.append(NamedModule("conv_max", outer.first)) }
        parts += [NamedModule("conv2", conv2), NamedModule("conv3", conv3)]
        if let outer { parts.append(NamedModule("conv3_", outer.last)) }
        return parts + [NamedModule("conv4", conv4)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The gates of `x`, one per element.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func gates(of x: Tensor) throws(ProteanError) -> Tensor {
        try conv4(try narrowSum(x), epilogue: Conv2dEpilogue(activation: .sigmoid))
    }

    /// activation(x · gates + residual). Alone, the product is made in the kernel of `conv4`.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor?, activation: Activation
    ) throws(ProteanError) -> Tensor {
        guard residual == nil, activation == .identity, AttentionRecord.current == nil else {
            return try scaling(x, byGatesOf: x, residual: residual, activation: activation)
        }
        return try conv4(
            try narrowSum(x), epilogue: Conv2dEpilogue(activation: .sigmoid, factor: x))
    }

    /// What `conv4` makes the gates from, `[batch, height, width, squeezeChannels]`.
    private func narrowSum(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, layer: place)
        let least = Self.smallestSize
        guard x.shape[1] >= least, x.shape[2] >= least else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "at least \(least) × \(least) pixels",
                found: x.shape)
        }
        let narrow = try conv1(x)
        let wide = try Operations.resize(
            try wideView(of: narrow), to: Size2d(height: x.shape[1], width: x.shape[2]),
            mode: .bilinear(alignCorners: false))
        return try convF(narrow, epilogue: Conv2dEpilogue(residual: wide))
    }

    /// The part at low resolution.
    private func wideView(of narrow: Tensor) throws(ProteanError) -> Tensor {
        let window = PoolWindow(kernelSize: 7, stride: 3)
        let largest = try Operations.maxPool2d(try conv2(narrow), window)
        guard let outer else { return try conv3(largest) }
        let relu = Conv2dEpilogue(activation: .relu)
        return try outer.last(try conv3(try outer.first(largest, epilogue: relu), epilogue: relu))
    }
}
