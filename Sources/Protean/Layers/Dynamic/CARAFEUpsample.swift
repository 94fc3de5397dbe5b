/// Content-aware upsampling: predicts a kernel for every output pixel from the map itself and
/// reassembles the map with it.
///
/// `m = content_encoder(channel_compressor(x))` has k² · groups · S² channels; the kernel of output
/// (S · h + dy, S · w + dx) and group g is the softmax over q = i · k + j of
/// `m[n, h, w, (g · k² + q) · S² + dy · S + dx]`, and y is the ``CARAFE`` of x with these kernels.
///
/// Wang, Chen, Xu, Liu, Loy, Lin, "CARAFE: Content-Aware ReAssembly of FEatures", arXiv 1905.02188;
/// names and shapes as mmcv's `CARAFEPack`. Input `[batch, height, width, channels]`, output
/// `[batch, S · height, S · width, channels]`. Parameters: `channel_compressor.weight`
/// `[compressed, channels, 1, 1]`, `.bias`, `content_encoder.weight`
/// `[k² · groups · S², compressed, ke, ke]`, `.bias`.
///
/// A new layer has kernels of nearly equal values: nearest upsampling, blurred by k × k. Border
/// outputs lose the weight of the taps outside, since the softmax counts them. The encoder's map
/// is read once, as it is: neither shuffled, normalised nor enlarged as a map of its own. Cost:
/// that of the two convolutions and k² multiply-adds per output.
public final class CARAFEUpsample: Layer {
    /// Channels of the map.
    public let channels: Int
    /// S, the factor of height and width.
    public let factor: Int
    /// k, the height and width of the kernels, odd.
    public let kernelSize: Int
    /// Groups of channels with kernels of their own.
    public let groups: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let compressor, encoder: Conv2d
    private let filter: PixelFilter

    /// A layer with seeded initial values; mmcv's defaults.
    ///
    /// - Parameters:
    ///   - channels: channels of the map, a multiple of `groups`.
    ///   - factor: the factor of height and width.
    ///   - kernelSize: odd height and width of the reassembly kernels.
    ///   - groups: groups of channels with kernels of their own.
    ///   - encoderKernelSize: height and width of the encoder's kernel.
    ///   - encoderDilation: distance between its taps; the kernel must have a centre pixel.
    ///   - compressedChannels: channels between the two convolutions.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int, factor: Int, kernelSize: Int = 5, groups: Int = 1,
        encoderKernelSize: Int = 3, encoderDilation: Int = 1, compressedChannels: Int = 64,
        seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "CARAFEUpsample"
        filter = try .centred(
            kernelSize: Size2d(kernelSize), groups: groups, factor: factor,
            normalization: .softmax, order: .beforeShuffle, layer: layer)
        try Self.check(channels, groups, compressedChannels)
        try Self.check(encoderKernelSize, encoderDilation)
        (self.channels, self.factor) = (channels, factor)
        (self.kernelSize, self.groups) = (kernelSize, groups)
        compressor = try Conv2d(
            inputChannels: channels, outputChannels: compressedChannels, kernelSize: 1, seed: seed)
        let geometry = try Conv2dGeometry(
            inputChannels: compressedChannels,
            outputChannels: filter.valuesPerPosition(layer: layer),
            kernelSize: Size2d(encoderKernelSize),
            padding: .symmetric((encoderKernelSize - 1) * encoderDilation / 2),
            dilation: Size2d(encoderDilation), layer: layer)
        // The standard deviation of mmcv's initial values, 0.001.
        let bound = 0.001 * Float(3).squareRoot()
        encoder = Conv2d(
            geometry: geometry,
            weight: try Parameter(
                uniform: geometry.weightShape, in: -bound...bound, seed: seed &+ 1, layer: layer),
            bias: try Parameter(repeating: 0, shape: [geometry.outputChannels], layer: layer))
    }

    private static func check(
        _ channels: Int, _ groups: Int, _ compressed: Int
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "CARAFEUpsample")
        try checkChannels(compressed, "compressedChannels", layer: "CARAFEUpsample")
        guard channels % groups == 0 else {
            throw .invalidOption(
                layer: "CARAFEUpsample", option: "groups",
                expected: "a divisor of the channels \(channels)", found: "\(groups)")
        }
    }

    /// The encoder's kernel must keep the map's size.
    private static func check(_ kernelSize: Int, _ dilation: Int) throws(ProteanError) {
        let layer = "CARAFEUpsample"
        try checkOption(
            kernelSize, "encoderKernelSize", in: 1...OptionLimits.length, layer: layer)
        try checkOption(dilation, "encoderDilation", in: 1...OptionLimits.length, layer: layer)
        guard (kernelSize - 1) * dilation % 2 == 0 else {
            throw .invalidOption(
                layer: layer, option: "encoderKernelSize",
                expected: "an odd size, so that the map keeps its own", found: "\(kernelSize)")
        }
    }

    /// `channel_compressor` and `content_encoder`.
    public var submodules: [NamedModule] {
        [
            NamedModule("channel_compressor", compressor),
            NamedModule("content_encoder", encoder),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The enlarged map.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit or memory is short.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        let logits = try encoder(compressor(x))
        return try traced(
            "CARAFEUpsample", path: label, input: x,
            cost: { .pixelFilter(x, [logits], $0, taps: filter.window.taps) }
        ) { () throws(ProteanError) in
            try Operations.pixelFilter(x, filters: logits, filter, layer: place)
        }
    }
}
