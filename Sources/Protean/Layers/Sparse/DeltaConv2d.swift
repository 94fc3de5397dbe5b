/// A convolution over the frames of a video that is recomputed only where its input has changed.
///
/// The state holds an input x̂ and the result `y = activation(norm(conv(x̂)))`. For a frame x,
/// pixels where `‖x − x̂‖ > epsilon` (norm over channels) have changed: they replace the pixels of
/// x̂, and the outputs that read one of them are recomputed from x̂. Other pixels of x̂ stay, so
/// that small changes add up until they are propagated and never get lost: |x − x̂| ≤ epsilon at
/// all times, and `y` is always exactly the layer's result for x̂, without drift. Parger, Tang,
/// Twigg, Keskin, Wang, Steinberger, "DeltaCNN", arXiv 2203.03996, and Habibian et al.,
/// "Skip-Convolutions", arXiv 2104.11487, accumulate differences instead.
///
/// With `epsilon` 0 every frame's result equals the dense layer's, computed directly, bit for bit.
/// Input `[batch, height, width, inputChannels]`, parameters those of the convolution. Cost: the outputs
/// that read a change · out · in / groups · kernel area multiply-adds, one comparison per input, and a
/// copy of the result if the caller still holds the last one.
public final class DeltaConv2d: StatefulLayer {
    /// The dense convolution with the same parameters.
    public let conv: Conv2d
    /// The batch norm after the convolution.
    public let batchNorm: BatchNorm2d?
    /// The norm by which pixels are compared.
    public let norm: PixelNorm
    /// The largest change that is not propagated.
    public let epsilon: Float
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let steps: DeltaSteps

    /// The change-driven form of a convolution, with the same parameters.
    ///
    /// - Parameters:
    ///   - conv: the convolution.
    ///   - batchNorm: a batch norm after the convolution, folded in.
    ///   - activation: applied last.
    ///   - norm: over the channels of a pixel's change.
    ///   - epsilon: finite, at least 0.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ conv: Conv2d, batchNorm: BatchNorm2d? = nil, activation: Activation = .identity,
        norm: PixelNorm = .maximum, epsilon: Float = 0
    ) throws(ProteanError) {
        try DeltaSteps.check(epsilon, layer: "DeltaConv2d")
        self.conv = conv
        self.batchNorm = batchNorm
        self.norm = norm
        self.epsilon = epsilon
        let fused = try FusedMaskedConv2d(conv, batchNorm, activation, algorithm: .direct)
        steps = DeltaSteps(steps: [.convolution(fused)], norm: norm, epsilon: epsilon)
    }

    /// `conv` and, if there is one, `bn`.
    public var submodules: [NamedModule] {
        [NamedModule("conv", conv)] + (batchNorm.map { [NamedModule("bn", $0)] } ?? [])
    }

    /// The state before the first frame.
    public func initialState(for input: [Int]) -> DeltaState { DeltaState() }

    /// The convolution's channels.
    public var channelFlow: ChannelFlow { conv.channelFlow }

    /// The result for the next frame of the stream that `state` belongs to.
    ///
    /// Everything is computed for the first frame and after a parameter has changed.
    /// - Throws: ``ProteanError`` when `x` does not fit, carries no values, or is not of the shape of the
    ///   stream's frames before.
    public func callAsFunction(
        _ x: Tensor, state: inout DeltaState
    ) throws(ProteanError) -> Tensor {
        try steps.run(x, &state, layer: place)
    }
}
