/// The options of a ``PixelAdaptiveConv2d`` and of its transposed form that concern its factors.
///
/// The texts are those of the reference, NVlabs/pacnet.
public struct AdaptiveKernelOptions: Sendable, Hashable {
    /// `gaussian`, or `inv_{alpha}_{lambda}`, followed by `_asym` where negative differences count as 0
    /// and by `_fixed` where alpha and lambda are buffers instead of parameters.
    public var kernelType: String
    /// How the guide is smoothed for the centre: `none`, `gaussian` (3 × 3), `average_{side}` or
    /// `full_{side}`, whose kernel is a parameter.
    public var smoothing: String
    /// Whether factors are divided by their sum over the taps inside the map.
    public var isNormalized: Bool

    /// Gaussian factors of the guide itself.
    public init(
        kernelType: String = "gaussian", smoothing: String = "none", isNormalized: Bool = false
    ) {
        self.kernelType = kernelType
        self.smoothing = smoothing
        self.isNormalized = isNormalized
    }

    /// The parts of ``kernelType``.
    struct Function {
        /// Alpha and lambda at first; nil for the Gaussian.
        var inverse: (alpha: Float, lambda: Float)?
        var ignoresNegative = false
        var isFixed = false
    }

    func function(layer: String) throws(ProteanError) -> Function {
        if kernelType == "gaussian" { return Function() }
        var parts = kernelType.split(separator: "_", omittingEmptySubsequences: false)
        var function = Function()
        if parts.last == "fixed" {
            function.isFixed = true
            parts.removeLast()
        }
        if parts.last == "asym" {
            function.ignoresNegative = true
            parts.removeLast()
        }
        guard parts.count == 3, parts[0] == "inv", let alpha = Float(parts[1]),
            let lambda = Float(parts[2]), alpha.isFinite, lambda.isFinite
        else {
            throw .invalidOption(
                layer: layer, option: "kernelType",
                expected: "gaussian or inv_{alpha}_{lambda}[_asym][_fixed]", found: kernelType)
        }
        function.inverse = (alpha, lambda)
        return function
    }

    /// The smoothing kernel's side, its first values and whether it is a parameter; nil for none.
    func smoother(
        layer: String
    ) throws(ProteanError) -> (side: Int, values: [Float], isParameter: Bool)? {
        if smoothing == "none" { return nil }
        if smoothing == "gaussian" {
            let line: [Float] = [0.25, 0.5, 0.25]
            return (3, line.flatMap { a in line.map { a * $0 } }, false)
        }
        let parts = smoothing.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 2, ["average", "full"].contains(parts[0]), let side = Int(parts[1]),
            side % 2 == 1, (1...255).contains(side)
        else {
            throw .invalidOption(
                layer: layer, option: "smoothing",
                expected:
                    "none, gaussian, average_{side} or full_{side} with an odd side up to 255",
                found: smoothing)
        }
        let value =
            parts[0] == "full" ? 1 / Float(side * side) : 1 / Float(side) * (1 / Float(side))
        return (side, [Float](repeating: value, count: side * side), parts[0] == "full")
    }
}
