/// Skip-Conv's norm gate: the outputs of a convolution whose residual input is large.
///
/// With n the L1 norm of a pixel's channels and P the mean over the convolution's window (padding
/// counts as zeros), an output is on where `P(n) · scale > epsilon`: scale = 1 for the input gate, and
/// the mean absolute weight for the output gate, which bounds the output. `divisor` divides the norms
/// further; the reference's code divides by the height of the output. Habibian, Abati, Cohen, Ehteshami
/// Bejnordi, "Skip-Convolutions for Efficient Video Processing", arXiv 2104.11487.
///
/// Input a residual `[batch, height, width, channels]`, such as the difference of two frames; the mask is
/// of the convolution's output size. No parameters of its own. Cost: one read of the map.
public struct NormGate: Module {
    /// The quantity that is compared with the threshold.
    public enum Kind: String, Sendable, CaseIterable {
        /// The norm of the input in the window.
        case input
        /// That norm times the mean absolute weight: a bound of the output.
        case output
    }

    /// The divisor of the norms.
    public enum Divisor: Sendable, Hashable {
        /// A number above 0.
        case number(Float)
        /// The height of the output, as the reference's code does.
        case outputHeight
    }

    /// The convolution whose outputs are gated.
    public let conv: Conv2d
    /// The quantity that is compared with the threshold.
    public let kind: Kind
    /// The threshold.
    public let epsilon: Float
    /// The divisor of the norms.
    public let divisor: Divisor

    /// A gate for the outputs of `conv`, which must have explicit padding of at most half its kernel
    /// size, the same on opposite sides, and dilation 1.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ conv: Conv2d, kind: Kind = .output, epsilon: Float = 0.1, divisor: Divisor = .number(1)
    ) throws(ProteanError) {
        guard epsilon >= 0 else {
            throw .invalidOption(
                layer: "NormGate", option: "epsilon", expected: "at least 0", found: "\(epsilon)")
        }
        if case .number(let number) = divisor, !(number > 0) {
            throw .invalidOption(
                layer: "NormGate", option: "divisor", expected: "above 0", found: "\(number)")
        }
        self.conv = conv
        self.kind = kind
        self.epsilon = epsilon
        self.divisor = divisor
        try Self.window(of: conv.geometry).check(layer: "NormGate")
    }

    private static func window(of geometry: Conv2dGeometry) throws(ProteanError) -> PoolWindow {
        var padding = Size2d(0)
        switch geometry.padding {
        case .valid: break
        case .explicit(let top, let bottom, let left, let right)
        where top == bottom && left == right:
            padding = Size2d(height: top, width: left)
        default:
            throw .invalidOption(
                layer: "NormGate", option: "padding", expected: "the same on opposite sides",
                found: "\(geometry.padding)")
        }
        guard geometry.dilation == 1 else {
            throw .invalidOption(
                layer: "NormGate", option: "dilation", expected: "1",
                found: "\(geometry.dilation)")
        }
        return PoolWindow(
            kernelSize: geometry.kernelSize, stride: geometry.stride, padding: padding)
    }

    /// The mask of the outputs at which the convolution of `residual` should be computed.
    ///
    /// - Throws: ``ProteanError`` when the residual does not fit or carries no values.
    public func callAsFunction(_ residual: Tensor) throws(ProteanError) -> MaskPlan {
        try CoarseMask.checkMap(residual, conv.geometry.inputChannels, layer: "NormGate")
        let norms = try Operations.pixelNorms(residual, .l1)
        let window = try Self.window(of: conv.geometry)
        let pooled = try Operations.avgPool2d(norms, window)
        var scale: Float = 1
        if kind == .output {
            let weights = try conv.weight.value.reshaped(to: [1, 1, 1, conv.weight.count])
            scale = try Operations.pixelNorms(weights, .l1).elements[0] / Float(weights.count)
        }
        switch divisor {
        case .number(let number): scale /= number
        case .outputHeight: scale /= Float(pooled.shape[1])
        }
        let scaled = try Operations.multiply(pooled, try Tensor([scale], shape: [1]))
        return try MaskPlan(scaled, active: .above(epsilon))
    }
}
