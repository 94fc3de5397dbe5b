extension LayerEntry.TensorDescription {
    /// An input mask of the output's size.
    static let outputMask = LayerEntry.TensorDescription("mask", "[B, 1, H', W'], not 0: active")
    /// An output mask.
    static let decidedMask = LayerEntry.TensorDescription("y", "[B, 1, H', W'], 0 or 1")
}
