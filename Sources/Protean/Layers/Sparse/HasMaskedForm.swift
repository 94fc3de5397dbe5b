/// A layer that can be computed at the active pixels of a mask only: a convolution that
/// ``DeltaSequential`` recomputes where its input has changed.
public protocol HasMaskedForm: Layer {
    /// The layer, then `norm` and an activation, computed at active pixels.
    ///
    /// - Parameters:
    ///   - norm: folded into the weights, or nil.
    ///   - activation: applied last.
    ///   - algorithm: which algorithms are allowed.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the channels differ or
    ///   the algorithm does not apply.
    func maskedForm(
        folding norm: (any FoldableNorm)?, activation: Activation, algorithm: MaskedConv2dAlgorithm
    ) throws(ProteanError) -> FusedMaskedConv2d
}

extension Conv2d: HasMaskedForm {
    /// A ``FusedMaskedConv2d`` of this convolution.
    public func maskedForm(
        folding norm: (any FoldableNorm)?, activation: Activation, algorithm: MaskedConv2dAlgorithm
    ) throws(ProteanError) -> FusedMaskedConv2d {
        try FusedMaskedConv2d(self, norm, activation, algorithm: algorithm)
    }
}
