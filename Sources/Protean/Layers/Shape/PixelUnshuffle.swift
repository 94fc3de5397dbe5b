/// Turns pixels into groups of channels: `[n, h · r, w · r, c]` to `[n, h, w, c · r²]`.
///
/// `y[n, h, w, c·r² + i·r + j] = x[n, h·r + i, w·r + j, c]`, PyTorch's channel order. Shi et al.,
/// CVPR 2016 (arXiv 1609.05158). One read and one write per element.
public struct PixelUnshuffle: Layer {
    /// r, the factor per axis.
    public let factor: Int

    /// A factor in 1...2²⁰.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(factor: Int) throws(ProteanError) {
        try checkOption(factor, "factor", in: 1...OptionLimits.length, layer: "PixelUnshuffle")
        self.factor = factor
    }

    /// The rearranged map.
    ///
    /// - Throws: ``ProteanError`` when `x` is not a map or the factor does not divide its sizes.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try traced("PixelUnshuffle", path: label, input: x, cost: { .moving(x, $0) }) {
            () throws(ProteanError) in try Operations.pixelUnshuffle(x, factor)
        }
    }
}
