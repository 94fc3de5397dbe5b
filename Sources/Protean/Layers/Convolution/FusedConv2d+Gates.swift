extension FusedConv2d {
    /// activation(norm(conv(x · gates)) + residual) with a gate per sample and channel of the input:
    /// the layer after channel attention.
    ///
    /// The gates multiply each sample's weights instead of the map, since
    /// `conv(x · gates, W) = conv(x, W · gates)`: one pass over the map less, for a copy of the weights
    /// per sample. Results differ from those of the gated map by rounding. Cost: that of the
    /// convolution, and one multiply-add per sample and weight.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - gates: `[batch, channels]`.
    ///   - residual: a map of the result's shape, or nil.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the convolution has
    ///   more than one group; ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, gatedBy gates: Tensor, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        guard conv.geometry.groups == 1 else {
            throw .invalidOption(
                layer: conv.place, option: "groups", expected: "1 where the input has gates",
                found: "\(conv.geometry.groups)")
        }
        let batch = x.shape.first ?? 0
        let mixture = ExpertMixture(
            routing: try Tensor(repeating: 1, shape: [batch, 1]), inputs: gates)
        let epilogue = Conv2dEpilogue(activation: activation, residual: residual)
        return try conv.run(x, plans: gatedPlans, mixture: mixture, epilogue: epilogue)
    }
}
