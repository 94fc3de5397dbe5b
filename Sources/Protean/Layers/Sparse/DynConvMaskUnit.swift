/// Decides at which pixels a block of DynConv computes.
///
/// `mask = s ≥ 0`, with `s = conv3x3(x) + linear(mean(x))`, the mean over height and width, or, for
/// pose networks, `s = conv1x1(x)`. Verelst, Tuytelaars, "Dynamic Convolutions: Exploiting Spatial
/// Sparsity for Faster Inference", arXiv 1912.03203; inference form, without Gumbel noise.
///
/// Input `[batch, height, width, channels]`; a mask for each pixel of every `stride`-th row and
/// column. Parameters: `maskconv.conv.weight` `[1, channels, 3, 3]`, `maskconv.conv.bias` `[1]`,
/// `maskconv.fc.weight` `[1, channels]`, `maskconv.fc.bias` `[1]`; for pose networks
/// `maskconv.weight` `[1, channels, 1, 1]`, `maskconv.bias` `[1]`. Cost: that of its layers.
public final class DynConvMaskUnit: Module {
    /// The source of the logits.
    public enum Kind: String, Sendable, CaseIterable {
        /// A 3 × 3 convolution plus a linear function of the pooled map (classification).
        case squeeze
        /// A 1 × 1 convolution (pose).
        case pointwise
    }

    /// Channels of the map.
    public let channels: Int
    /// The source of the logits.
    public let kind: Kind
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let conv: Conv2d
    private let fc: Linear?

    /// A unit with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, stride: Size2d = 1, kind: Kind = .squeeze, seed: UInt64 = 0
    ) throws(ProteanError) {
        self.channels = channels
        self.kind = kind
        let squeezes = kind == .squeeze
        conv = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: squeezes ? 3 : 1,
            stride: stride, padding: squeezes ? 1 : 0, algorithm: .direct, seed: seed)
        fc =
            squeezes
            ? try Linear(inputFeatures: channels, outputFeatures: 1, seed: seed &+ 1) : nil
    }

    /// The layers under the reference's names.
    public var submodules: [NamedModule] {
        guard let fc else { return [NamedModule("maskconv", conv)] }
        return [NamedModule("maskconv.fc", fc), NamedModule("maskconv.conv", conv)]
    }

    /// The mask of `x`; for a tensor that carries a shape only, all pixels, so that costs are upper
    /// bounds.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> MaskPlan {
        let logits = try conv(x)
        let pooled = try fc?(try Operations.globalAveragePool(x))
        if logits.isShapeOnly { return try MaskPlan(allOf: logits) }
        guard let pooled else { return try MaskPlan(logits, active: .atLeast(0)) }
        // a + b >= 0, rounded or not, exactly where a >= -b.
        let minus = try Operations.multiply(pooled, try Tensor(repeating: -1, shape: [1]))
        return try MaskPlan(logits, atLeast: minus)
    }
}
