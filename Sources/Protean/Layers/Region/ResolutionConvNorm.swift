/// A convolution whose weights all resolutions share, and a batch norm of its own for each, folded
/// in.
///
/// `y = activation(bns[r](conv(x)))` with r of ``ResolutionScope``. Statistics of activations differ
/// between resolutions, so networks that run at several keep one set for each (Zhu et al., arXiv
/// 2106.02898; Yu, Huang, arXiv 1903.05134). Parameters: `conv`, `bns.0` …. Input
/// `[batch, height, width, channels]`. Cost: the convolution's; packed weights are kept for every
/// resolution that was used.
public final class ResolutionConvNorm: Layer {
    /// The shared convolution.
    public let conv: Conv2d
    /// One norm for each resolution.
    public let norms: [BatchNorm2d]
    /// Where the layer stands in a model.
    public let label: Label? = Label()
    private let fused: [FusedConv2d]

    /// - Parameters:
    ///   - conv: the shared convolution.
    ///   - resolutions: number of resolutions.
    ///   - activation: after the norm.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ conv: Conv2d, resolutions: Int, activation: Activation = .identity
    ) throws(ProteanError) {
        try checkOption(
            resolutions, "resolutions", in: 1...OptionLimits.depth, layer: "ResolutionConvNorm")
        self.conv = conv
        var norms: [BatchNorm2d] = [], fused: [FusedConv2d] = []
        for _ in 0..<resolutions {
            let norm = try BatchNorm2d(channels: conv.geometry.outputChannels)
            norms.append(norm)
            fused.append(try FusedConv2d(conv, norm, activation))
        }
        self.norms = norms
        self.fused = fused
    }

    /// `conv` and `bns.0` ….
    public var submodules: [NamedModule] {
        [NamedModule("conv", conv)]
            + norms.enumerated().map { NamedModule("bns.\($0.offset)", $0.element) }
    }

    /// The convolved map, normalised for the running resolution.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is no norm for
    ///   the running resolution, and ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let index = ResolutionScope.current
        guard fused.indices.contains(index) else {
            throw .invalidOption(
                layer: place, option: "resolution", expected: "0..<\(fused.count)",
                found: "\(index)")
        }
        return try fused[index](x)
    }
}
