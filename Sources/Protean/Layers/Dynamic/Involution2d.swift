/// Involution: the kernel of every pixel is generated from the pixel itself and shared by the
/// channels of a group.
///
/// `w = conv2(relu(bn(conv1(t))))`, t the map averaged over stride × stride pixels, and
/// `y[n, oy, ox, c] = Σ_{i,j} w[n, oy, ox, g · k² + i · k + j] ·
/// x[n, oy · s + i − ⌊k / 2⌋, ox · s + j − ⌊k / 2⌋, c]`, g the group of channel c; zeros outside of
/// the map.
///
/// Li, Hu, Wang, Li, She, Zhu, Zhang, Chen, "Involution: Inverting the Inherence of Convolution for
/// Visual Recognition", arXiv 2103.06255; names and shapes as the authors' `involution`. Input
/// `[batch, height, width, channels]`, output `[batch, height / s, width / s, channels]`. Parameters:
/// `conv1.conv.weight` `[channels / reduction, channels, 1, 1]`, `conv1.bn.*`, `conv2.conv.weight`
/// `[k² · groups, channels / reduction, 1, 1]`, `conv2.conv.bias`, with
/// groups = channels / groupChannels.
///
/// Kernels are not normalised. With a stride, height and width must be multiples of it, as in the
/// reference. Cost: per output pixel channels² / reduction + channels / reduction · k² · groups
/// multiply-adds for the kernel and k² · channels for its application.
public final class Involution2d: Layer {
    /// Channels of input and output.
    public let channels: Int
    /// k, the height and width of the kernels, odd.
    public let kernelSize: Int
    /// Step from one output to the next, in input pixels.
    public let stride: Int
    /// Channels that share a kernel.
    public let groupChannels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let reduce, expand: Conv2d
    private let norm: BatchNorm2d
    private let reduced: FusedConv2d
    private let pool: AvgPool2d?
    private let filter: PixelFilter

    /// A layer with seeded initial values; the authors' constants for `reduction` and
    /// `groupChannels`.
    ///
    /// - Parameters:
    ///   - channels: channels of input and output, a multiple of `groupChannels` and at least
    ///     `reduction`.
    ///   - kernelSize: odd height and width of the kernels.
    ///   - stride: step from one output to the next.
    ///   - reduction: channels over those between the two convolutions.
    ///   - groupChannels: channels that share a kernel.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        channels: Int, kernelSize: Int, stride: Int = 1, reduction: Int = 4,
        groupChannels: Int = 16, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "Involution2d"
        try checkChannels(channels, "channels", layer: layer)
        try checkChannels(groupChannels, "groupChannels", layer: layer)
        try checkChannels(reduction, "reduction", layer: layer)
        guard channels % groupChannels == 0, channels >= reduction else {
            throw .invalidOption(
                layer: layer, option: "channels",
                expected: "a multiple of \(groupChannels), at least \(reduction)",
                found: "\(channels)")
        }
        let groups = channels / groupChannels
        filter = try .centred(
            kernelSize: Size2d(kernelSize), stride: Size2d(stride), groups: groups, layer: layer)
        (self.channels, self.kernelSize, self.stride) = (channels, kernelSize, stride)
        self.groupChannels = groupChannels
        let values = try filter.valuesPerPosition(layer: layer)
        reduce = try Conv2d(
            inputChannels: channels, outputChannels: channels / reduction, kernelSize: 1,
            bias: false, seed: seed)
        norm = try BatchNorm2d(channels: channels / reduction)
        expand = try Conv2d(
            inputChannels: channels / reduction, outputChannels: values, kernelSize: 1,
            seed: seed &+ 1)
        reduced = try FusedConv2d(reduce, norm, .relu)
        pool = stride == 1 ? nil : try AvgPool2d(kernelSize: Size2d(stride))
    }

    /// `conv1.conv`, `conv1.bn` and `conv2.conv`.
    public var submodules: [NamedModule] {
        [
            NamedModule("conv1.conv", reduce), NamedModule("conv1.bn", norm),
            NamedModule("conv2.conv", expand),
        ]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// The involution of `x`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or its height or width is no multiple of the
    ///   stride.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        guard x.shape[1] % stride == 0, x.shape[2] % stride == 0 else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "height and width that are multiples of the stride \(stride)",
                found: x.shape)
        }
        let pooled = try pool.map { (pool) throws(ProteanError) in try pool(x) } ?? x
        let kernels = try expand(reduced(pooled))
        return try traced(
            "Involution2d", path: label, input: x,
            cost: { .pixelFilter(x, [kernels], $0, taps: filter.window.taps) }
        ) { () throws(ProteanError) in
            try Operations.pixelFilter(x, filters: kernels, filter, layer: place)
        }
    }
}
