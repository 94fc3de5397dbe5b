extension LayerEntry.TensorDescription {
    /// A mask of the output's size that goes in.
    static let outputMask = LayerEntry.TensorDescription("mask", "[B, 1, H', W'], not 0: active")
    /// A mask that comes out.
    static let decidedMask = LayerEntry.TensorDescription("y", "[B, 1, H', W'], 0 or 1")
}
