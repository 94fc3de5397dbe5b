/// A convolution that is computed only where a cheap parallel layer does not give 0.
///
/// `y = relu(bn(conv(x))) ⊙ relu(lc_bn(lc_conv(x)))`. Where the second factor is 0 the first one is
/// not needed: ``LowCost/shared(kernelSize:)`` has one filter for all output channels, so that its
/// zeros are whole pixels; with ``LowCost/pointwise`` only pixels where all channels are 0 are left
/// out. Dong, Huang, Yang, Yan, "More is Less: A More Complicated Network with Less Inference
/// Complexity", arXiv 1703.08651.
///
/// Input `[batch, height, width, inputChannels]`, output as of ``Conv2d``. Parameters `conv`, `bn`,
/// `lc_conv` (`[1, in, k, k]` or `[out, in, 1, 1]`, no biases), `lc_bn`. Computed pixels equal the
/// dense direct result bit for bit. Cost: the cheap layer at all pixels, the convolution where the
/// cheap layer's result is not 0.
public final class LowCostCollaborativeConv2d: Layer {
    /// The form of the cheap layer.
    public enum LowCost: Sendable, Hashable {
        /// One filter of this odd size for all output channels.
        case shared(kernelSize: Size2d)
        /// A 1 × 1 convolution to all output channels.
        case pointwise
    }

    /// The form of the cheap layer.
    public let lowCost: LowCost
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    /// `conv`, `bn`, `lc_conv`, `lc_bn`.
    public let submodules: [NamedModule]

    private let main: FusedMaskedConv2d
    private let cheap: FusedConv2d

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the input.
    ///   - outputChannels: channels of the output.
    ///   - kernelSize: of the main convolution, odd; its padding keeps the size at stride 1.
    ///   - stride: of both layers.
    ///   - lowCost: the form of the cheap layer.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Size2d = 3, stride: Size2d = 1,
        lowCost: LowCost = .shared(kernelSize: 3), seed: UInt64 = 0
    ) throws(ProteanError) {
        self.lowCost = lowCost
        let (cheapSize, cheapOutputs): (Size2d, Int) =
            switch lowCost {
            case .shared(let size): (size, 1)
            case .pointwise: (1, outputChannels)
            }
        let conv = try Self.conv(
            inputChannels, outputChannels, kernelSize, stride, "kernelSize", seed)
        let lowCostConv = try Self.conv(
            inputChannels, cheapOutputs, cheapSize, stride, "lowCost", seed &+ 1)
        let norms = [
            try BatchNorm2d(channels: outputChannels), try BatchNorm2d(channels: cheapOutputs),
        ]
        submodules = [
            NamedModule("conv", conv), NamedModule("bn", norms[0]),
            NamedModule("lc_conv", lowCostConv), NamedModule("lc_bn", norms[1]),
        ]
        main = try FusedMaskedConv2d(conv, norms[0], .relu)
        cheap = try FusedConv2d(lowCostConv, norms[1], .relu)
    }

    private static func conv(
        _ inputs: Int, _ outputs: Int, _ size: Size2d, _ stride: Size2d, _ option: String,
        _ seed: UInt64
    ) throws(ProteanError) -> Conv2d {
        guard size.height % 2 == 1, size.width % 2 == 1, size.height > 0, size.width > 0 else {
            throw .invalidOption(
                layer: "LowCostCollaborativeConv2d", option: option, expected: "odd sizes",
                found: "\(size)")
        }
        return try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: size, stride: stride,
            padding: .symmetric(height: size.height / 2, width: size.width / 2), bias: false,
            seed: seed)
    }

    /// The layer's result.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or carries no values: the mask needs them.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let factors = try cheap(x)
        guard !factors.isShapeOnly else { throw .noValues(layer: place) }
        let mask = try mask(of: factors)
        let rows = try main.rows(x, mask: mask)
        let gated = try Operations.multiply(rows, try Operations.gather(factors, at: mask))
        let channels = main.conv.geometry.outputChannels
        return try Operations.scatter(
            gated, at: mask, into: Tensor(zeros: Array(factors.shape.dropLast()) + [channels]))
    }

    /// The pixels of the output at which the convolution is computed.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit, or carries no values.
    public func computedPixels(of x: Tensor) throws(ProteanError) -> MaskPlan {
        try mask(of: try cheap(x))
    }

    private func mask(of factors: Tensor) throws(ProteanError) -> MaskPlan {
        if factors.shape[3] == 1 { return try MaskPlan(factors) }
        return try MaskPlan(try Operations.pixelNorms(factors, .maximum))
    }
}
