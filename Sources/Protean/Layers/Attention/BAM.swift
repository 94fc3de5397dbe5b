/// BAM: one gate per element from a number per channel times a number per pixel.
///
/// `y = x · (1 + sigmoid(M_c · M_s))` with `M_c = fc(relu(BN(fc(mean(x)))))` per channel, the mean
/// over height and width, and `M_s` per pixel from a 1 × 1 convolution to few channels, dilated 3 ×
/// 3 convolutions, each with norm and ReLU, and a 1 × 1 convolution to one. Park, Woo, Lee, Kweon,
/// "BAM: Bottleneck Attention Module", BMVC 2018, arXiv 1807.06514.
///
/// Input and output `[batch, height, width, channels]`, at least one pixel. The authors' code
/// multiplies M_c and M_s, as here; the paper writes a sum. Norms use their stored statistics. With
/// channels / 16 = h the cost is channels · h + 18 · h² + h multiply-adds per pixel.
public final class BAM: AxisGate {
    /// Channels of the map.
    public let channels: Int
    /// Channels within both branches.
    public let squeezeChannels: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let firstLinear, lastLinear: Linear
    private let linearNorm: BatchNorm1d
    private let fusedLinear: any EpilogueKernel
    /// Convolutions of the spatial branch with their norms; the last has none.
    private let convolutions: [(conv: Conv2d, norm: BatchNorm2d, fused: FusedConv2d)]
    private let lastConvolution: Conv2d

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - channels: channels of the map.
    ///   - squeezeChannels: channels within both branches; nil for a sixteenth, rounded down.
    ///   - dilatedConvolutions: number of 3 × 3 convolutions in the spatial branch.
    ///   - dilation: their dilation.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, squeezeChannels: Int? = nil, dilatedConvolutions: Int = 2,
        dilation: Int = 4, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "BAM")
        let width = squeezeChannels ?? channels / 16
        guard squeezeChannels != nil || width > 0 else {
            throw .invalidOption(
                layer: "BAM", option: "channels", expected: "at least 16", found: "\(channels)")
        }
        try checkChannels(width, "squeezeChannels", layer: "BAM")
        try checkOption(
            dilatedConvolutions, "dilatedConvolutions", in: 0...OptionLimits.depth, layer: "BAM")
        try checkOption(dilation, "dilation", in: 1...OptionLimits.length, layer: "BAM")
        self.channels = channels
        self.squeezeChannels = width
        firstLinear = try Linear(inputFeatures: channels, outputFeatures: width, seed: seed)
        lastLinear = try Linear(inputFeatures: width, outputFeatures: channels, seed: seed &+ 1)
        linearNorm = try BatchNorm1d(channels: width)
        fusedLinear = try firstLinear.folding(linearNorm)
        lastConvolution = try Conv2d(
            inputChannels: width, outputChannels: 1, kernelSize: 1, seed: seed &+ 2)
        var convolutions: [(conv: Conv2d, norm: BatchNorm2d, fused: FusedConv2d)] = []
        for index in 0...dilatedConvolutions {
            let isFirst = index == 0
            let conv = try Conv2d(
                inputChannels: isFirst ? channels : width, outputChannels: width,
                kernelSize: isFirst ? 1 : 3,
                padding: isFirst ? 0 : .symmetric(height: dilation, width: dilation),
                dilation: isFirst ? 1 : Size2d(dilation), seed: seed &+ 3 &+ UInt64(index))
            let norm = try BatchNorm2d(channels: width)
            convolutions.append((conv, norm, try FusedConv2d(conv, norm, .relu)))
        }
        self.convolutions = convolutions
    }

    /// The parts under the reference's names.
    public var submodules: [NamedModule] {
        let (channel, spatial) = ("channel_att.gate_c.gate_c_", "spatial_att.gate_s.gate_s_")
        var parts = [
            NamedModule(channel + "fc_0", firstLinear), NamedModule(channel + "bn_1", linearNorm),
            NamedModule(channel + "fc_final", lastLinear),
        ]
        for (index, part) in convolutions.enumerated() {
            let name = index == 0 ? "reduce0" : "di_\(index - 1)"
            parts.append(NamedModule(spatial + "conv_" + name, part.conv))
            parts.append(NamedModule(spatial + "bn_" + name, part.norm))
        }
        return parts + [NamedModule(spatial + "conv_final", lastConvolution)]
    }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .fixed(input: channels, output: channels) }

    /// M_c and M_s.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func axisGates(of x: Tensor) throws(ProteanError) -> AxisGates {
        try Shape.checkMap(x.shape, channels: channels, pixels: true, layer: place)
        let mean = try Operations.globalAveragePool(x)
        let hidden = try fusedLinear(mean, epilogue: Conv2dEpilogue(activation: .relu))
        var map = x
        for part in convolutions { map = try part.fused(map) }
        return AxisGates(
            channels: try lastLinear(hidden), pixels: try lastConvolution(map),
            combination: .onePlusSigmoid)
    }
}
